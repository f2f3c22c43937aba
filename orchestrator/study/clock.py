"""The time that a study has taken over all its sessions."""

from __future__ import annotations

import time

from orchestrator.store.store import StudyStore


class StudyClock:
    """Runs from where earlier sessions left off; what is counted survives the end of this one."""

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._counted = time.monotonic()

    @property
    def wall_time_s(self) -> float:
        """Until now."""
        return self._store.wall_time_s + time.monotonic() - self._counted

    def count(self) -> None:
        """Counts this session's time so far into the study's."""
        now = time.monotonic()
        self._store.add_wall_time(now - self._counted)
        self._counted = now
