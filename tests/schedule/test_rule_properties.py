"""What holds for every rule that stops trials, and what holds for one of them alone."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

from orchestrator.schedule.progress import Progress
from orchestrator.schedule.rule import MIN_CHANCE, MIN_COMPLETED, Decision
from tests.schedule.plain import decide, dominates, halve, plain_chance
from tests.schedule.trials import HITS, OTHER_EPOCHS, RUNG, candidates, histories

Rule = Callable[..., Decision]
BOTH = pytest.mark.parametrize("rule", [decide, halve], ids=["front", "asha"])
_MANY = settings(max_examples=120)


@BOTH
@pytest.mark.parametrize("goes_on", [True, False])
def test_the_made_up_trials_make_a_rule_stop_some_and_let_others_go_on(rule: Rule, *, goes_on: bool) -> None:
    enough = settings(max_examples=500, phases=[Phase.generate])  # any case will do, not the least
    drawn = st.tuples(candidates, histories)
    find(drawn, lambda case: len(case[1]) > 8 and rule(*case, rung=RUNG).go_on is goes_on, settings=enough)


@BOTH
@_MANY
@given(candidates, histories)
def test_what_dominates_everything_at_its_rung_is_never_stopped(
    rule: Rule, candidate: Progress, history: list[Progress]
) -> None:
    reached = [other for other in history if RUNG in other.accuracy_at]
    least = tuple(min((other.costs[axis] for other in reached), default=1.0) for axis in (0, 1))
    most = max((other.accuracy_at[RUNG] for other in reached), default=0.0)
    winner = dataclasses.replace(candidate, costs=least, accuracy_at={RUNG: most + 1 / 287})
    assert all(dominates(winner, other, rung=RUNG) for other in reached)
    assert rule(winner, history, rung=RUNG).go_on


@BOTH
@_MANY
@given(candidates, histories)
def test_what_nobody_dominates_at_its_rung_is_never_stopped(
    rule: Rule, candidate: Progress, history: list[Progress]
) -> None:
    if not any(dominates(other, candidate, rung=RUNG) for other in history):
        assert rule(candidate, history, rung=RUNG).go_on


@BOTH
@_MANY
@given(candidates, histories, st.tuples(*[st.lists(st.floats(1e-6, 1e6), min_size=6, max_size=6)] * 2))
def test_strictly_monotone_rescaling_of_every_cost_changes_nothing(
    rule: Rule, candidate: Progress, history: list[Progress], steps: tuple[list[float], list[float]]
) -> None:
    scales = [list(accumulate(axis)) for axis in steps]
    assume(all(len(set(scale)) == len(scale) for scale in scales))

    def rescaled(one: Progress) -> Progress:
        costs = tuple(scale[int(cost) - 1] for scale, cost in zip(scales, one.costs, strict=True))
        return dataclasses.replace(one, costs=costs)

    assert rule(rescaled(candidate), _each(rescaled, history), rung=RUNG) == rule(candidate, history, rung=RUNG)


@BOTH
@_MANY
@given(candidates, histories, st.floats(0.01, 1000), st.floats(-10, 10))
def test_affine_rescaling_of_accuracy_changes_no_decision(
    rule: Rule, candidate: Progress, history: list[Progress], factor: float, shift: float
) -> None:
    def rescaled(one: Progress) -> Progress:
        final = one.final_accuracy
        curve = {epoch: factor * value + shift for epoch, value in one.accuracy_at.items()}
        return Progress(
            costs=one.costs, accuracy_at=curve, final_accuracy=None if final is None else factor * final + shift
        )

    before = rule(candidate, history, rung=RUNG)
    assume(before.chance is None or abs(before.chance - MIN_CHANCE) > 1e-4)
    after = rule(rescaled(candidate), _each(rescaled, history), rung=RUNG)
    assert after.go_on == before.go_on
    assert after.chance == pytest.approx(before.chance, abs=1e-5)


@BOTH
@_MANY
@given(candidates, histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_of_equal_information_changes_nothing(
    rule: Rule, candidate: Progress, history: list[Progress], rng: random.Random
) -> None:
    shuffled = rng.sample(history, len(history))
    assert rule(candidate, shuffled, rung=RUNG) == rule(candidate, history, rung=RUNG)


@BOTH
@_MANY
@given(candidates, histories, st.data())
def test_what_others_report_at_other_epochs_changes_nothing(
    rule: Rule, candidate: Progress, history: list[Progress], data: st.DataObject
) -> None:
    def elsewhere(one: Progress) -> Progress:
        curve = data.draw(st.dictionaries(st.sampled_from(OTHER_EPOCHS), HITS.map(lambda hits: hits / 287)))
        same = {epoch: value for epoch, value in one.accuracy_at.items() if epoch == RUNG}
        return dataclasses.replace(one, accuracy_at=curve | same)

    changed = _each(elsewhere, history)
    assert rule(elsewhere(candidate), changed, rung=RUNG) == rule(candidate, history, rung=RUNG)


@_MANY
@given(candidates, histories)
def test_nothing_is_stopped_by_the_front_before_six_trials_have_completed(
    candidate: Progress, history: list[Progress]
) -> None:
    num_completed = sum(other.final_accuracy is not None for other in history)
    if num_completed < MIN_COMPLETED:
        assert decide(candidate, history, rung=RUNG).go_on
    reached = [other for other in history if other.final_accuracy is not None and RUNG in other.accuracy_at]
    few = [other for other in history if other not in reached[MIN_COMPLETED - 1 :]]
    assert decide(candidate, few, rung=RUNG).go_on


@_MANY
@given(candidates, histories)
def test_finals_of_trials_that_cost_more_matter_through_the_line_only(
    candidate: Progress, history: list[Progress]
) -> None:
    """Without a value at the rung they are no point of the line, and what costs more is no rival either."""
    dear = Progress(costs=(9.0, 9.0), accuracy_at={}, final_accuracy=1.0)
    assert decide(candidate, [*history, dear], rung=RUNG) == decide(candidate, history, rung=RUNG)


@_MANY
@given(candidates, histories)
def test_columns_decide_as_the_rule_written_out(candidate: Progress, history: list[Progress]) -> None:
    decision = decide(candidate, history, rung=RUNG)
    assert (decision.chance, decision.go_on) == plain_chance(candidate, history, rung=RUNG)


def test_a_study_of_accuracy_alone_has_no_costs_to_compare() -> None:
    history = [
        Progress(costs=(), accuracy_at={RUNG: 0.3 + 0.05 * index}, final_accuracy=0.8 + 0.01 * index)
        for index in range(9)
    ]
    for rule in (decide, halve):
        assert not rule(Progress(costs=(), accuracy_at={RUNG: 0.3}), history, rung=RUNG).go_on
        assert rule(Progress(costs=(), accuracy_at={RUNG: 0.9}), history, rung=RUNG).go_on
        assert rule(Progress(costs=(), accuracy_at={RUNG: 0.3}), [], rung=RUNG).go_on


def _each(change: Callable[[Progress], Progress], history: Sequence[Progress]) -> list[Progress]:
    return [change(one) for one in history]
