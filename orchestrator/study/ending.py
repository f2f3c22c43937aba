"""The end of a search before its trials are spent: noticed, recorded and told, once in a session."""

from __future__ import annotations

import logging
from collections.abc import Callable

from orchestrator.config.settings import SearchConfig
from orchestrator.schedule.stopping import StopCriteria
from orchestrator.store.store import StudyStore
from orchestrator.study.clock import StudyClock

logger = logging.getLogger(__name__)


class SearchEnd:
    """Whether new trials may start. What forbids it stays for the session, even if a trial that runs moves the front.

    Attributes:
        reason: why none may, in words; None until a criterion is found to be met.
    """

    def __init__(
        self, store: StudyStore, config: SearchConfig, *, clock: StudyClock, tell: Callable[[str], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._criteria = StopCriteria(config)
        self.reason: str | None = None

    def may_start(self) -> bool:
        """Whether an attempt may start: one of a trial that lost its workers always may."""
        if self._store.lost_trials():
            return True
        if self.reason is None:
            self._look()
        return self.reason is None

    def _look(self) -> None:
        reason = self._criteria.reason(self._store.records.values(), self._clock.wall_time_s)
        if reason is not None:
            self.conclude(reason)

    def conclude(self, reason: str) -> None:
        """No new trial starts from here on."""
        self.reason = reason
        self._store.note("search_ended", {"reason": reason})
        logger.info("no new trial starts: %s", reason)
        self._tell(reason)
