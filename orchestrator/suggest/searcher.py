"""Proposals behind Ray Tune's interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from orchestrator.suggest.proposals import Proposals


class StudySearcher(Searcher):  # type: ignore[misc]
    """Hands Tune one attempt per Tune trial.

    Tune pickles its searcher into snapshots that are never read back: what is pickled is an empty shell.
    """

    def __init__(
        self, proposals: Proposals | None, *, is_stopping: Callable[[], bool], may_start: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._proposals = proposals
        self._is_stopping = is_stopping
        self._may_start = may_start

    def suggest(self, trial_id: str) -> Any:
        assert self._proposals is not None
        if self._is_stopping():
            return Searcher.FINISHED
        attempt = self._proposals.next() if self._may_start() else None
        if attempt is not None:
            return {"trial": attempt.trial, "token": attempt.token, "architecture": self._proposals.form(attempt)}
        return None if self._proposals.may_come else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        """The scheduler has committed the end; the sampler is told before the next ask."""

    def save(self, checkpoint_path: str) -> None:
        """Tune's snapshots are not used: the store is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""

    def __reduce__(self) -> tuple[type[StudySearcher], tuple[()]]:
        return (_Shell, ())


class _Shell(StudySearcher):
    def __init__(self) -> None:
        super().__init__(None, is_stopping=lambda: True, may_start=lambda: False)
