"""The rung decision: its invariances, and what it must never stop."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from orchestrator import pareto
from orchestrator.records import TrialState
from orchestrator.schedule.progress import Progress, progress
from orchestrator.schedule.rule import MIN_CHANCE, MIN_COMPLETED, rungs
from tests.schedule.plain import decide
from tests.synthetic import OBJECTIVES, completed, measured, study, unfinished

RUNG = 4
# Accuracies are multiples of one validation image; a short list makes ties.
ACCURACIES = st.integers(0, 287).map(lambda hits: hits / 287)
COSTS = st.tuples(st.integers(1, 6).map(float), st.integers(1, 6).map(float))


def trial(costs: tuple[float, ...], at_rung: float | None, final: float | None = None) -> Progress:
    return Progress(costs=costs, accuracy_at={} if at_rung is None else {RUNG: at_rung}, final_accuracy=final)


@st.composite
def histories(draw: st.DrawFn) -> list[Progress]:
    optional = st.one_of(st.none(), ACCURACIES)
    drawn = draw(st.lists(st.tuples(COSTS, optional, optional), max_size=20))
    return [trial(costs, at_rung, final) for costs, at_rung, final in drawn]


candidates = st.tuples(COSTS, ACCURACIES).map(lambda drawn: trial(*drawn))


def on_a_line(num_trials: int = 12, *, costs: tuple[float, ...] = (1.0,), noise: float = 0.002) -> list[Progress]:
    """COMPLETED trials that end at 0.9 + a tenth of their value at the rung, give or take the noise."""
    rng = random.Random(0)
    values = [0.3 + 0.5 * index / num_trials for index in range(num_trials)]
    return [trial(costs, value, 0.9 + 0.1 * value + rng.gauss(0, noise)) for value in values]


@pytest.mark.parametrize(
    ("epochs", "decay_share", "expected"),
    [
        (12, 0.3, (2, 4)),
        (100, 0.3, (18, 35)),
        (8, 0.0, (2, 4)),
        (2, 0.3, (1,)),
        (1, 0.3, ()),
        (12, 1.0, ()),
        (1, 0.0, ()),
    ],
)
def test_rungs_are_a_quarter_and_a_half_of_the_constant_epochs(
    epochs: int, decay_share: float, expected: tuple[int, ...]
) -> None:
    assert rungs(epochs, decay_share) == expected


@given(st.integers(1, 2000), st.floats(0, 1))
def test_no_rung_lies_in_the_decay_and_each_leaves_something_to_save(epochs: int, decay_share: float) -> None:
    found = rungs(epochs, decay_share)
    assert list(found) == sorted(set(found))
    assert all(1 <= rung <= epochs * (1 - decay_share) and rung < epochs for rung in found)


def test_a_trial_that_no_completed_trial_undercuts_goes_on_whatever_its_accuracy() -> None:
    decision = decide(trial((0.5,), 0.01), on_a_line(), rung=RUNG)
    assert decision.go_on
    assert decision.needed is None
    assert decision.chance == 1.0


def test_a_hopeless_trial_is_stopped_and_the_reason_has_its_figures() -> None:
    decision = decide(trial((2.0,), 0.35), on_a_line(), rung=RUNG)
    assert not decision.go_on
    assert decision.chance < 0.001
    assert decision.needed == pytest.approx(0.976, abs=0.01)
    assert decision.predicted == pytest.approx(0.935, abs=0.01)
    assert decision.reason.startswith("chance 0.000 to end above 0.97")


def test_one_cost_below_all_completed_trials_is_enough_to_go_on() -> None:
    history = on_a_line(costs=(1.0, 1.0))
    assert not decide(trial((2.0, 2.0), 0.35), history, rung=RUNG).go_on
    assert decide(trial((2.0, 0.9), 0.35), history, rung=RUNG).go_on


def test_equal_costs_are_costs_no_more() -> None:
    assert not decide(trial((1.0,), 0.31), on_a_line(), rung=RUNG).go_on


def test_scattered_finals_give_a_trial_more_doubt() -> None:
    chances = [decide(trial((2.0,), 0.5), on_a_line(noise=noise), rung=RUNG).chance for noise in (0.002, 0.01, 0.1)]
    assert chances == sorted(chances)


def test_the_chance_is_that_of_a_new_observation_of_the_line() -> None:
    history = on_a_line(num_trials=9, noise=0.01)
    values = [other.accuracy_at[RUNG] for other in history]
    finals = [other.final_accuracy for other in history if other.final_accuracy is not None]
    line = stats.linregress(values, finals)
    mean, n = sum(values) / 9, 9
    residual = sum(
        (final - line.intercept - line.slope * value) ** 2 for value, final in zip(values, finals, strict=True)
    )
    spread = sum((value - mean) ** 2 for value in values)
    error = math.sqrt(residual / (n - 2)) * math.sqrt(1 + 1 / n + (0.4 - mean) ** 2 / spread)
    predicted = line.intercept + line.slope * 0.4
    decision = decide(trial((1.0,), 0.4), history, rung=RUNG)
    assert decision.predicted == pytest.approx(predicted)
    assert decision.chance == pytest.approx(stats.t.sf((max(finals) - predicted) / error, n - 2))


def test_nothing_is_stopped_before_six_trials_have_completed() -> None:
    history = on_a_line()
    hopeless = trial((2.0,), 0.01)
    assert decide(hopeless, history[: MIN_COMPLETED - 1], rung=RUNG).go_on
    assert not decide(hopeless, history[:MIN_COMPLETED], rung=RUNG).go_on


def test_trials_without_a_value_at_the_rung_do_not_count_towards_the_six() -> None:
    history = [*on_a_line()[: MIN_COMPLETED - 1], trial((1.0,), None, 0.99), trial((1.0,), None, 0.98)]
    decision = decide(trial((2.0,), 0.01), history, rung=RUNG)
    assert decision.go_on
    assert decision.needed == 0.99


def test_completed_trials_that_do_not_differ_stop_nobody() -> None:
    equal_at_rung = [trial((1.0,), 0.5, 0.9 + 0.01 * index) for index in range(8)]
    equal_at_end = [trial((1.0,), 0.5 + 0.01 * index, 0.9) for index in range(8)]
    assert decide(trial((2.0,), 0.1), equal_at_rung, rung=RUNG).go_on
    assert decide(trial((2.0,), 0.1), equal_at_end, rung=RUNG).go_on


def test_a_line_that_falls_by_chance_does_not_stop_the_trial_that_is_ahead() -> None:
    falling = [trial((1.0,), 0.5 + 0.01 * index, 0.95 - 0.01 * index) for index in range(8)]
    ahead = decide(trial((2.0,), 0.9), falling, rung=RUNG)
    assert ahead.go_on
    assert ahead.predicted == pytest.approx(sum(0.95 - 0.01 * index for index in range(8)) / 8)


def test_points_on_a_line_by_luck_are_no_certainty() -> None:
    exact = [trial((1.0,), 0.5 + 0.01 * index, 0.9 + 0.005 * index) for index in range(8)]
    chance = decide(trial((2.0,), 0.57), exact, rung=RUNG).chance
    assert 0.4 < chance < 0.6


def test_a_trial_that_nobody_dominates_at_its_rung_goes_on_against_the_prediction() -> None:
    history = on_a_line()
    leader = trial((2.0,), 0.9)
    beaten = [*history, *(trial((1.0,), 0.1, 0.9999 - 1e-6 * index) for index in range(4))]
    decision = decide(leader, beaten, rung=RUNG)
    assert decision.go_on


@given(candidates, histories())
def test_what_is_not_dominated_at_its_rung_is_never_stopped(candidate: Progress, history: list[Progress]) -> None:
    own = [-candidate.accuracy_at[RUNG], *candidate.costs]
    rivals = [[-other.accuracy_at[RUNG], *other.costs] for other in history if RUNG in other.accuracy_at]
    if not any(pareto.dominates(rival, own) for rival in rivals):
        assert decide(candidate, history, rung=RUNG).go_on


@given(candidates, histories())
def test_what_is_stopped_has_a_small_chance_and_costs_more_than_a_better_completed_trial(
    candidate: Progress, history: list[Progress]
) -> None:
    decision = decide(candidate, history, rung=RUNG)
    assert 0.0 <= decision.chance <= 1.0
    if not decision.go_on:
        assert decision.chance < MIN_CHANCE
        assert decision.needed in {other.final_accuracy for other in history}


@given(candidates, histories(), st.randoms(use_true_random=False))
def test_the_order_of_equal_information_changes_nothing(
    candidate: Progress, history: list[Progress], rng: random.Random
) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)
    assert decide(candidate, shuffled, rung=RUNG) == decide(candidate, history, rung=RUNG)


@given(candidates, histories())
def test_strictly_monotone_rescaling_of_every_cost_changes_nothing(
    candidate: Progress, history: list[Progress]
) -> None:
    def rescaled(one: Progress) -> Progress:
        return dataclasses.replace(one, costs=(math.exp(one.costs[0]), one.costs[1] ** 3 - 1000))

    expected = decide(candidate, history, rung=RUNG)
    assert decide(rescaled(candidate), [rescaled(other) for other in history], rung=RUNG) == expected


@given(candidates, histories(), st.floats(0.01, 1000), st.floats(-10, 10))
def test_affine_rescaling_of_accuracy_changes_no_chance(
    candidate: Progress, history: list[Progress], factor: float, shift: float
) -> None:
    def rescaled(one: Progress) -> Progress:
        return Progress(
            costs=one.costs,
            accuracy_at={epoch: factor * value + shift for epoch, value in one.accuracy_at.items()},
            final_accuracy=None if one.final_accuracy is None else factor * one.final_accuracy + shift,
        )

    before = decide(candidate, history, rung=RUNG)
    after = decide(rescaled(candidate), [rescaled(other) for other in history], rung=RUNG)
    assert after.chance == pytest.approx(before.chance, abs=1e-5)
    assume(abs(before.chance - MIN_CHANCE) > 1e-4)
    assert after.go_on == before.go_on


@given(candidates, histories(), st.integers(0, 287))
def test_a_cheaper_completed_trial_never_raises_a_chance_by_what_it_needs(
    candidate: Progress, history: list[Progress], hits: int
) -> None:
    """A COMPLETED trial without a value at the rung changes what is needed and nothing else."""
    more = [*history, trial((1.0, 1.0), None, hits / 287)]
    assert decide(candidate, more, rung=RUNG).chance <= decide(candidate, history, rung=RUNG).chance


def test_a_candidate_without_a_value_at_the_rung_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match="epoch 4"):
        decide(trial((1.0,), None), [], rung=RUNG)


def test_progress_takes_costs_as_objectives_name_them_with_predicted_latency() -> None:
    record = completed(0, 0.97, 40_000, 1.5, latency=measured(9.0))
    assert progress(record, OBJECTIVES) == Progress(costs=(40_000.0, 1.5), accuracy_at={}, final_accuracy=0.97)


def test_progress_of_a_trial_under_way_has_its_curve_and_no_end() -> None:
    record = next(record for record in study().records if record.state is TrialState.PRUNED)
    found = progress(record, OBJECTIVES)
    assert found.final_accuracy is None
    assert found.accuracy_at == {report.epoch: report.accuracy for report in record.reports}


def test_a_diverged_epoch_is_no_value() -> None:
    report = dataclasses.replace(study().records[0].reports[0], accuracy=math.nan)
    assert progress(unfinished(0, TrialState.FAILED, reports=(report,)), OBJECTIVES).accuracy_at == {}


def test_a_limit_of_accuracy_stops_what_would_fall_short_of_it_however_cheap() -> None:
    cheapest = trial((0.5,), 0.4)
    decision = decide(cheapest, on_a_line(), rung=RUNG, min_accuracy=0.97)
    assert not decision.go_on
    assert decision.needed == 0.97
    assert decide(cheapest, on_a_line(), rung=RUNG, min_accuracy=0.92).go_on


def test_a_limit_below_what_others_reached_changes_nothing() -> None:
    candidate = trial((2.0,), 0.6)
    assert decide(candidate, on_a_line(), rung=RUNG, min_accuracy=0.5) == decide(candidate, on_a_line(), rung=RUNG)
