"""Hypervolume over cost, rank correlations of rungs, and what stopping saved."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orchestrator import pareto, worth
from orchestrator.objectives import ACCURACY, NUM_PARAMETERS, Constraint
from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from tests.synthetic import OBJECTIVES, completed, study, unfinished

TWO = OBJECTIVES[:2]
VALUES = st.lists(st.integers(0, 5).map(float), min_size=3, max_size=20)


def reports(*accuracies: float, epoch_s: float = 1.0) -> tuple[EpochReport, ...]:
    return tuple(
        EpochReport(epoch=epoch, accuracy=value, loss=0.1, train_loss=0.1, wall_time_s=epoch * epoch_s)
        for epoch, value in enumerate(accuracies, start=1)
    )


def trained(number: int, accuracy: float, num_parameters: int, wall_time_s: float = 4.0) -> TrialRecord:
    curve = reports(0.1, 0.2, 0.3, accuracy, epoch_s=wall_time_s / 4)
    return completed(number, accuracy, num_parameters, 1.0, wall_time_s=wall_time_s, reports=curve)


def stopped(number: int, wall_time_s: float) -> TrialRecord:
    return unfinished(number, TrialState.PRUNED, wall_time_s=wall_time_s, reports=reports(0.1, epoch_s=wall_time_s))


def test_one_trial_has_all_of_its_hypervolume_when_it_ends() -> None:
    found = worth.growth([trained(0, 0.9, 1000)], OBJECTIVES)
    assert found is not None
    assert found.hypervolume == pytest.approx(1.0)
    assert found.study_G.tolist() == [0.0] * 100 + [1.0]
    assert np.array_equal(found.random_G, found.study_G)
    assert found.unstopped_G is None


@pytest.mark.parametrize("records", [[], [unfinished(0, TrialState.RUNNING, wall_time_s=3.0)], [stopped(0, 2.0)]])
def test_nothing_grows_without_a_completed_trial(records: list[TrialRecord]) -> None:
    assert worth.growth(records, OBJECTIVES) is None


def test_nothing_grows_where_all_break_a_limit_or_cost_nothing() -> None:
    record = trained(0, 0.9, 1000)
    assert worth.growth([record], OBJECTIVES, [Constraint(name=ACCURACY, bound=0.95)]) is None
    assert worth.growth([dataclasses.replace(record, cause=Cause.REUSED)], OBJECTIVES) is None


def test_two_trials_of_a_front_reach_the_hypervolume_of_the_closed_form() -> None:
    # Scaled they are (0, 1) and (1, 0): 1.1 x 0.1 each, 0.1 x 0.1 in common, of 1.1 x 1.1.
    found = worth.growth([trained(0, 0.9, 10_000, 3.0), trained(1, 0.8, 1_000, 1.0)], TWO)
    assert found is not None
    assert found.hypervolume == pytest.approx(0.21 / 1.21)
    assert found.study_G[74] == 0.0
    assert found.study_G[75:100] == pytest.approx(0.11 / 0.21, abs=0.02)
    assert found.study_G[100] == 1.0
    # Each order begins with each of them half of the time: at half of the cost only the cheap one can have ended.
    assert found.random_G[50] == pytest.approx(0.5 * 0.11 / 0.21, abs=0.06)


def test_a_stopped_trial_costs_random_search_its_whole_training() -> None:
    found = worth.growth([trained(0, 0.9, 1000, 4.0), stopped(1, 1.0)], OBJECTIVES)
    assert found is not None
    assert found.unstopped_G is not None
    assert found.cost_s_G[-1] == 5.0
    assert found.random_G[80] == found.study_G[80] == 1.0
    # Second of two trials at 4 s each it ends at 8 s, after the study's 5 s.
    assert found.unstopped_G[-1] == pytest.approx(0.5, abs=0.12)


@settings(max_examples=10)
@given(st.permutations(range(30)))
def test_the_order_of_records_does_not_matter(order: list[int]) -> None:
    snapshot = study(30, is_confirmed=False)
    one = worth.growth(snapshot.records, OBJECTIVES)
    other = worth.growth([snapshot.records[row] for row in order], OBJECTIVES)
    assert one is not None
    assert other is not None
    for field in dataclasses.fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 60))
def test_growth_never_falls_and_is_that_of_the_exact_hypervolumes(seed: int, num_trials: int) -> None:
    records = study(num_trials, seed=seed, is_confirmed=False).records
    found = worth.growth(records, OBJECTIVES)
    assert found is not None
    for values_G in (found.study_G, found.random_G, found.low_G, found.high_G):
        assert (np.diff(values_G) >= -1e-12).all()
        assert values_G[-1] == pytest.approx(1.0)
    assert (found.low_G <= found.high_G).all()
    until = np.cumsum([record.wall_time_s for record in records])
    volumes = _exact_hypervolumes(records)
    assert found.hypervolume == pytest.approx(volumes[-1])
    for place in (20, 50, 80):
        num_ended = int((until <= found.cost_s_G[place]).sum())
        exact = volumes[num_ended - 1] / volumes[-1] if num_ended else 0.0
        assert found.study_G[place] == pytest.approx(exact, abs=0.03)


def _exact_hypervolumes(records: tuple[TrialRecord, ...]) -> list[float]:
    raw = {
        one.number: (1 - one.accuracy, math.log10(one.num_parameters), math.log10(one.predicted_latency_ms))
        for one in records
        if one.accuracy is not None
    }
    low, spread = np.min(list(raw.values()), axis=0), np.ptp(list(raw.values()), axis=0)
    scaled = {number: (np.array(point) - low) / np.where(spread > 0, spread, 1.0) for number, point in raw.items()}
    prefixes = (
        [scaled[one.number] for one in records[:end] if one.number in scaled] for end in range(1, len(records) + 1)
    )
    return [pareto.hypervolume(points, [1.1] * 3) / 1.1**3 if points else 0.0 for points in prefixes]


@given(VALUES, st.randoms(use_true_random=False))
def test_spearman_is_scipys(values: list[float], rng: object) -> None:
    others = [rng.choice(values) for _ in values]  # type: ignore[attr-defined]
    found = worth.spearman(values, others)
    if len(set(values)) == 1 or len(set(others)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(values, others).statistic, abs=1e-12)


def test_a_rung_that_orders_trials_as_the_end_does_correlates_fully() -> None:
    curves = [(0.3, 0.2, 0.7), (0.2, 0.4, 0.8), (0.1, 0.6, 0.9)]
    records = [completed(number, curve[-1], 1000, 1.0, reports=reports(*curve)) for number, curve in enumerate(curves)]
    assert worth.rank_correlation(records, 1).rho == pytest.approx(-1.0)
    assert worth.rank_correlation(records, 2).rho == pytest.approx(1.0)
    assert worth.rank_correlation(records, 2).num_trials == 3
    assert worth.rank_correlation(records[:2], 2).rho is None
    assert worth.rank_correlation(records, 7) == worth.RankCorrelation(epoch=7, rho=None, num_trials=0)


def test_rungs_are_where_trials_were_stopped() -> None:
    later = dataclasses.replace(stopped(1, 1.0), reports=reports(0.1, 0.2, 0.3))
    assert worth.stop_epochs([later, stopped(0, 1.0), stopped(2, 2.0), trained(3, 0.9, 10)]) == (1, 3)


def test_a_stopped_trial_saves_the_epochs_that_it_was_not_trained() -> None:
    records = [trained(0, 0.9, 1000, 4.0), stopped(1, 1.5), stopped(2, 0.5)]
    completed_ones, pruned = worth.spending(records)
    assert (completed_ones.state, completed_ones.num_trials, completed_ones.cost_s) == (TrialState.COMPLETED, 1, 4.0)
    assert (pruned.num_trials, pruned.cost_s, pruned.full_cost_s) == (2, 2.0, 8.0)


def test_a_result_that_was_taken_cost_nothing() -> None:
    taken = dataclasses.replace(trained(0, 0.9, 1000, 4.0), cause=Cause.REUSED)
    assert worth.cost_s(taken) == worth.full_cost_s(taken, 4) == 0.0


def test_an_infeasible_trial_costs_time_and_adds_nothing() -> None:
    records = [trained(0, 0.99, 2_000_000, 4.0), trained(1, 0.9, 1000, 4.0)]
    found = worth.growth(records, OBJECTIVES, [Constraint(name=NUM_PARAMETERS, bound=1_000_000)])
    assert found is not None
    assert found.study_G[50] == 0.0
    assert found.study_G[-1] == 1.0
