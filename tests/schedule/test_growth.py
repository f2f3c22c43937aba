"""The growth of a front over its last trials: kept trial by trial, it is what two hypervolumes say."""

from __future__ import annotations

import dataclasses
import math
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import pareto
from orchestrator.objectives import ACCURACY, DIRECTIONS, MACS, NUM_PARAMETERS, Constraint, Objective
from orchestrator.records import TrialRecord, TrialState
from orchestrator.schedule.growth import Archive, FrontGrowth, relative_growth
from tests.synthetic import OBJECTIVES, completed, measured, unfinished

POINTS = st.lists(st.tuples(*[st.integers(0, 5).map(float)] * 3), max_size=40)


@given(POINTS)
def test_an_archive_holds_the_front_of_all_that_was_added(points: list[tuple[float, ...]]) -> None:
    archive = Archive(3)
    for number, point in enumerate(points, start=1):
        stands = archive.add(point)
        so_far = np.array(points[:number])
        is_front = pareto.non_dominated(so_far)
        assert stands == is_front[-1]
        assert sorted(archive.points_FK.tolist()) == sorted(so_far[is_front].tolist())


@st.composite
def _records(draw: st.DrawFn) -> list[TrialRecord]:
    states = st.sampled_from([TrialState.COMPLETED] * 4 + [TrialState.PRUNED, TrialState.FAILED, TrialState.RUNNING])
    records = []
    for number, state in enumerate(draw(st.lists(states, max_size=25))):
        figures = {"num_parameters": draw(st.integers(1, 9)), "predicted_latency_ms": float(draw(st.integers(1, 9)))}
        if state is TrialState.COMPLETED:
            record = completed(number, draw(st.integers(0, 9)) / 10, 1, 1.0)
        else:
            record = unfinished(number, state)
        records.append(dataclasses.replace(record, **figures))
    return records


def growth_of(records: list[TrialRecord], window: int) -> float | None:
    growth = FrontGrowth(OBJECTIVES, window=window)
    growth.observe(records)
    return growth.share


def plain_growth(records: list[TrialRecord], window: int) -> float | None:
    """Both fronts anew, with the scale of the second."""
    ended = [record for record in records if record.state.is_end]
    before, now = _front(ended[:-window]), _front(ended)
    if not len(before):
        return None
    low, spread = now.min(axis=0), np.where(np.ptp(now, axis=0) > 0, np.ptp(now, axis=0), 1.0)
    volumes = [pareto.hypervolume((front - low) / spread, [pareto.REFERENCE] * 3) for front in (before, now)]
    return volumes[1] / volumes[0] - 1 if volumes[0] else math.inf


def _front(records: list[TrialRecord]) -> np.ndarray:
    points = [
        (-one.accuracy, math.log10(one.num_parameters), math.log10(one.predicted_latency_ms))
        for one in records
        if one.accuracy is not None
    ]
    array = np.array(points).reshape(-1, 3)
    return array[pareto.non_dominated(array)]


@settings(max_examples=200)
@given(_records(), st.integers(1, 6), st.randoms(use_true_random=False))
def test_growth_is_that_of_the_two_fronts_in_whatever_order_trials_end(
    records: list[TrialRecord], window: int, rng: random.Random
) -> None:
    expected = plain_growth(records, window)
    growth = FrontGrowth(OBJECTIVES, window=window)
    for record in rng.sample(records, len(records)):
        growth.observe([record])
        assert growth.share is None or growth.share >= -1e-9
    assert growth.share == (None if expected is None else pytest.approx(expected))


@settings(max_examples=100)
@given(_records(), st.integers(1, 6), st.floats(0.01, 100))
def test_the_unit_of_a_cost_changes_no_growth(records: list[TrialRecord], window: int, factor: float) -> None:
    slower = [dataclasses.replace(one, predicted_latency_ms=factor * one.predicted_latency_ms) for one in records]
    expected = growth_of(records, window)
    assert growth_of(slower, window) == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_a_trial_that_is_dominated_adds_no_growth() -> None:
    records = [completed(0, 0.9, 1000, 1.0), completed(1, 0.95, 5000, 2.0)]
    assert growth_of([*records, completed(2, 0.8, 2000, 2.0)], 1) == 0.0


def test_measured_latency_is_not_compared() -> None:
    records = [completed(0, 0.9, 1000, 1.0), completed(1, 0.9, 1000, 1.0, latency=measured(0.1))]
    assert growth_of(records, 1) == 0.0


def test_what_breaks_a_limit_adds_no_growth() -> None:
    growth = FrontGrowth(OBJECTIVES, [Constraint(name=NUM_PARAMETERS, bound=1000)], window=1)
    growth.observe([completed(0, 0.9, 900, 1.0), completed(1, 0.99, 1001, 0.5)])
    assert growth.share == 0.0


def test_a_latency_of_nothing_has_a_place_too() -> None:
    assert growth_of([completed(0, 0.9, 1000, 0.0), completed(1, 0.95, 1000, 1.0)], 1) is not None


def test_a_front_that_left_the_earlier_one_far_behind_has_grown_without_bound() -> None:
    assert relative_growth(np.array([[5.0, 5.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])) == math.inf


@pytest.mark.parametrize("names", [(ACCURACY, NUM_PARAMETERS, "latency_ms"), (ACCURACY, NUM_PARAMETERS, MACS)])
def test_ten_thousand_trials_are_followed_in_seconds(names: tuple[str, ...]) -> None:
    rng = random.Random(0)
    growth = FrontGrowth([Objective(name=name, direction=DIRECTIONS[name]) for name in names], window=100)
    began = time.perf_counter()
    for number in range(10_000):
        size = rng.uniform(8, 14)
        accuracy = min(0.999, 0.7 + 0.02 * size + rng.gauss(0, 0.01))
        growth.observe([completed(number, accuracy, math.exp(size), math.exp(0.3 * size + rng.gauss(0, 0.3)))])
        assert growth.share is None or growth.share >= 0
    assert time.perf_counter() - began < 60  # 1.4 s on one core
