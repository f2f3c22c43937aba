"""When a search ends: each criterion alone, and that they can be asked at any time."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.settings import Budget, Resources, SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.schedule.stopping import StopCriteria
from tests.synthetic import completed, study, unfinished

DIGITS = load("digits", inspect=inspect, shipped={"digits": studies.read("digits")}).config


def config_with(*, workers: int = 1, gpus: float = 0.0, **budget: object) -> SearchConfig:
    return dataclasses.replace(
        DIGITS,
        constraints=(),
        budget=Budget(**budget),
        resources=Resources(workers_per_trial=workers, gpus_per_worker=gpus),
    )


def reason_to_stop(records: Collection[TrialRecord], config: SearchConfig, wall_time_s: float = 0.0) -> str | None:
    """Of a study that is looked at for the first time."""
    return StopCriteria(config).reason(records, wall_time_s)


def test_nothing_ends_a_search_by_default() -> None:
    assert reason_to_stop(study(40).records, config_with(), wall_time_s=1e9) is None


@given(st.floats(0, 1e6), st.sampled_from([("90 s", 90), ("2 min", 120), ("1.5 h", 5400), ("2d", 172_800)]))
def test_wall_time_ends_a_search_once_it_is_spent(wall_time_s: float, limit: tuple[str, float]) -> None:
    text, seconds = limit
    reason = reason_to_stop([], config_with(wall_time=text), wall_time_s)
    assert (reason is not None) == (wall_time_s >= seconds)
    assert reason is None or text in reason


@given(
    st.lists(st.floats(0, 1e5), max_size=9), st.floats(0.01, 20), st.integers(1, 4), st.sampled_from([0.25, 1.0, 2.0])
)
def test_gpu_hours_are_those_of_all_trials_workers_and_gpus(
    times_s: list[float], gpu_hours: float, workers: int, gpus: float
) -> None:
    records = [completed(number, 0.9, 1000, 1.0, wall_time_s=spent) for number, spent in enumerate(times_s)]
    config = config_with(gpu_hours=gpu_hours, workers=workers, gpus=gpus)
    spent = sum(times_s) * workers * gpus / 3600
    if abs(spent - gpu_hours) > 1e-6:
        assert (reason_to_stop(records, config) is not None) == (spent > gpu_hours)


def test_trials_that_run_or_failed_take_gpu_hours_and_reused_ones_none() -> None:
    config = config_with(gpu_hours=1.0, gpus=1.0)
    hour = {"wall_time_s": 3600.0}
    assert reason_to_stop([unfinished(0, TrialState.RUNNING, **hour)], config) == "1 GPU-hours are spent"
    assert reason_to_stop([unfinished(0, TrialState.FAILED, **hour)], config) is not None
    assert reason_to_stop([completed(0, 0.9, 1000, 1.0, cause=Cause.REUSED, **hour)], config) is None


def test_gpu_hours_end_nothing_where_there_is_no_gpu() -> None:
    records = [completed(0, 0.9, 1000, 1.0, wall_time_s=1e9)]
    assert reason_to_stop(records, config_with(gpu_hours=0.1)) is None


def _stalled(num_before: int, num_after: int) -> list[TrialRecord]:
    """A front that grows with each trial, and then no more."""
    growing = [completed(number, 0.5 + 0.02 * number, 1000 + number, 1.0 + number) for number in range(num_before)]
    return growing + [completed(num_before + number, 0.4, 9000, 99.0) for number in range(num_after)]


@pytest.mark.parametrize("patience", [1, 4, 20])
def test_patience_counts_the_ended_trials_without_growth(patience: int) -> None:
    config = config_with(patience=patience)
    assert reason_to_stop(_stalled(10, patience - 1), config) is None
    reason = reason_to_stop(_stalled(10, patience), config)
    assert reason == f"the front has grown by at most 0.1 % in the last {patience} trials"


def test_patience_waits_for_a_front() -> None:
    failed = [unfinished(number, TrialState.FAILED) for number in range(9)]
    config = config_with(patience=3)
    assert reason_to_stop(failed, config) is None
    assert reason_to_stop([completed(9, 0.9, 1000, 1.0), *failed[:3]], config) is None
    assert reason_to_stop([*failed, completed(9, 0.9, 1000, 1.0)], config) is None


def test_trials_that_run_do_not_count_towards_patience() -> None:
    running = [unfinished(10 + number, TrialState.RUNNING) for number in range(9)]
    assert reason_to_stop([*_stalled(10, 0), *running], config_with(patience=5)) is None


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(0, 9), st.randoms(use_true_random=False))
def test_criteria_that_follow_a_study_say_what_they_say_of_all_of_it(
    num_trials: int, patience: int, rng: random.Random
) -> None:
    config = config_with(patience=patience, wall_time="50 s", gpu_hours=0.02, gpus=1.0)
    ends = list(study(num_trials, seed=rng.randrange(9), is_confirmed=False).records)
    rng.shuffle(ends)
    criteria = StopCriteria(config)
    for number in range(len(ends)):
        so_far = ends[: number + 1]
        assert criteria.reason(so_far, float(number)) == reason_to_stop(so_far, config, float(number))
