"""What Tune is told where no new trial may start."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.store.rows import Attempt


class _Proposals:
    """One attempt after the other, while others run or not."""

    def __init__(self, *, may_come: bool) -> None:
        self.may_come = may_come
        self.num_asked = 0

    def next(self) -> Attempt:
        self.num_asked += 1
        return Attempt(trial=self.num_asked, number=1, token="t")

    def form(self, attempt: Attempt) -> dict[str, object]:
        return {"trial": attempt.trial}


def suggestion(proposals: _Proposals, *, may_start: bool) -> Any:
    from orchestrator.suggest.searcher import StudySearcher

    searcher: Any = StudySearcher(proposals, is_stopping=lambda: False, may_start=lambda: may_start)  # type: ignore[arg-type]
    return searcher.suggest("x")


@pytest.mark.filterwarnings("ignore")  # Ray's own, at its import
def test_a_search_that_may_start_nothing_waits_for_what_runs_and_then_ends() -> None:
    from ray.tune.search import Searcher

    running, alone = _Proposals(may_come=True), _Proposals(may_come=False)
    assert suggestion(running, may_start=True)["trial"] == 1
    assert suggestion(running, may_start=False) is None
    assert suggestion(alone, may_start=False) == Searcher.FINISHED
    assert (running.num_asked, alone.num_asked) == (1, 0)
