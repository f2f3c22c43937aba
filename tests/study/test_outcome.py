"""The front as it changes, and a study that fails."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import ArchfrontError
from orchestrator.records import Cause, TrialState
from orchestrator.selector import front
from orchestrator.study.outcome import check_outcome, front_watcher, has_failed_too_often
from tests.study.conftest import Trials
from tests.synthetic import measured

if TYPE_CHECKING:
    from orchestrator.suggest.proposals import Proposals


def announced(trials: Trials) -> list[list[int]]:
    return [row.payload["numbers"] for row in trials.store.pending(1000) if row.kind == "front_changed"]


def test_only_a_trial_that_changes_the_front_is_announced(trials: Trials) -> None:
    watch = front_watcher(trials.store, trials.config)
    for accuracy, num_parameters in ((0.9, 1000), (0.8, 2000), (0.95, 5000), (0.9, 1000), (0.96, 900)):
        trials.complete(accuracy, num_parameters)
        watch()
        watch()
    assert announced(trials) == [[0], [2, 0], [2, 0, 3], [4]]


def test_a_trial_that_failed_announces_nothing(trials: Trials) -> None:
    watch = front_watcher(trials.store, trials.config)
    record = trials.start()
    trials.store.end(dataclasses.replace(record, state=TrialState.FAILED, cause=Cause.ERROR))
    watch()
    assert announced(trials) == []


def test_a_resumed_study_announces_its_front_with_its_first_completed_trial(trials: Trials) -> None:
    """The session before may have died between an end and its announcement."""
    trials.complete(0.9, 1000)
    watch = front_watcher(trials.store, trials.config)
    watch()
    trials.complete(0.8, 2000)
    watch()
    trials.complete(0.7, 2000)
    watch()
    assert announced(trials) == [[0]]


def test_a_study_that_was_confirmed_and_extended_announces_what_is_provisional_again(trials: Trials) -> None:
    for accuracy, num_parameters in ((0.9, 1000), (0.95, 5000)):
        record = trials.complete(accuracy, num_parameters)
        trials.store.score(record.number, latency=measured(3.0 - 2.5 * record.number))
    assert [one.number for one in front(trials.store.records.values(), trials.config.objectives)] == [1, 0]
    watch = front_watcher(trials.store, trials.config)
    trials.complete(0.97, 9000)
    watch()
    assert announced(trials) == [[2, 1, 0]]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_last_announcement_is_the_front(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[int, ...]]
) -> None:
    trials = Trials(tmp_path_factory.mktemp("study"))
    watch = front_watcher(trials.store, trials.config)
    for accuracy, num_parameters, latency_ms in ends:
        trials.complete(accuracy / 10, num_parameters, float(latency_ms))
        watch()
        members = front(trials.store.records.values(), trials.config.objectives)
        assert announced(trials)[-1] == [record.number for record in members]
    trials.store.close()


@pytest.mark.parametrize(("num_failed", "num_completed", "expected"), [(9, 0, False), (6, 4, True), (5, 5, False)])
def test_more_failed_trials_than_their_share_end_a_study(
    trials: Trials, num_failed: int, num_completed: int, *, expected: bool
) -> None:
    for _ in range(num_failed):
        record = trials.start()
        trials.store.end(dataclasses.replace(record, state=TrialState.FAILED, cause=Cause.ERROR))
    for _ in range(num_completed):
        trials.complete(0.9, 1000)
    trials.start()
    assert has_failed_too_often(trials.store, trials.config) is expected


def test_a_study_that_fails_too_often_names_its_commonest_cause_though_each_message_is_another(trials: Trials) -> None:
    ends = [(Cause.DIVERGED, f"loss nan at step {step}") for step in range(8)] + [(Cause.ERROR, "KeyError")] * 4
    for cause, message in ends:
        trials.store.end(dataclasses.replace(trials.start(), state=TrialState.FAILED, cause=cause, message=message))
    proposals = cast("Proposals", None)
    with pytest.raises(ArchfrontError, match=r"12 of 12 trials failed; the commonest cause \(8\): diverged: loss nan"):
        check_outcome(trials.store, trials.config, proposals)
