"""Successive halving by ranks: the best third goes on, and with it all that rank as high."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import pareto
from orchestrator.schedule.asha import ETA, decide
from orchestrator.schedule.progress import Peers, Progress
from tests.schedule.plain import halve, point
from tests.schedule.trials import HITS, RUNG, candidates, histories


def at_rung(accuracy: float, *costs: float) -> Progress:
    return Progress(costs=costs, accuracy_at={RUNG: accuracy})


def test_a_third_of_a_chain_goes_on() -> None:
    # Each dominates the one before it, so ranks have no ties.
    for num_trials in range(3, 40):
        chain = [at_rung(0.5 + 0.01 * place, 50.0 - place) for place in range(num_trials)]
        went_on = [halve(one, [other for other in chain if other is not one], rung=RUNG).go_on for one in chain]
        assert went_on == [place >= num_trials - max(1, num_trials // ETA) for place in range(num_trials)]


def test_the_first_two_at_a_rung_go_on() -> None:
    better = at_rung(0.9, 1.0)
    assert halve(at_rung(0.1, 2.0), [], rung=RUNG).go_on
    assert halve(at_rung(0.1, 2.0), [better], rung=RUNG).go_on
    assert not halve(at_rung(0.1, 2.0), [better, better], rung=RUNG).go_on


def test_all_of_a_front_go_on_although_they_are_more_than_a_third() -> None:
    front = [at_rung(0.5 + 0.01 * place, 1.0 + place) for place in range(9)]
    assert all(halve(one, [other for other in front if other is not one], rung=RUNG).go_on for one in front)


def test_those_who_were_stopped_or_still_run_are_compared_as_well() -> None:
    """Who has reached the rung counts there, COMPLETED or not."""
    loser = at_rung(0.2, 5.0)
    running = [at_rung(0.6 + 0.1 * place, 1.0) for place in range(3)]
    assert not halve(loser, running, rung=RUNG).go_on
    assert halve(loser, [Progress(costs=(1.0,), accuracy_at={}, final_accuracy=0.9)] * 9, rung=RUNG).go_on


def test_the_reason_has_its_figures() -> None:
    history = [at_rung(0.6 + 0.1 * place, 1.0) for place in range(4)]
    decision = halve(at_rung(0.2, 5.0), history, rung=RUNG)
    assert decision.reason == "behind 4 of 5 trials at epoch 4 by its rank 4; 1 go on"
    assert (decision.chance, decision.needed, decision.predicted) == (None, None, None)


@settings(max_examples=120)
@given(candidates, histories)
def test_a_trial_goes_on_exactly_where_its_rank_is_among_the_best_third(
    candidate: Progress, history: list[Progress]
) -> None:
    everyone = [candidate, *(other for other in history if RUNG in other.accuracy_at)]
    rank, *others = pareto.ranks([point(one, RUNG) for one in everyone]).tolist()
    is_best = sum(other < rank for other in others) < max(1, len(everyone) // ETA)
    assert halve(candidate, history, rung=RUNG).go_on == (is_best or len(everyone) < ETA)


@settings(max_examples=100)
@given(candidates, histories, st.floats(0.1, 5))
def test_any_strictly_monotone_rescaling_of_accuracy_changes_nothing(
    candidate: Progress, history: list[Progress], bend: float
) -> None:
    def rescaled(one: Progress) -> Progress:
        curve = {epoch: math.expm1(bend * value) for epoch, value in one.accuracy_at.items()}
        return Progress(costs=one.costs, accuracy_at=curve)

    expected = halve(candidate, history, rung=RUNG)
    assert decide(rescaled(candidate), Peers.at(RUNG, map(rescaled, history))) == expected


@settings(max_examples=100)
@given(candidates, histories, HITS)
def test_a_better_accuracy_never_stops_a_trial_that_would_go_on(
    candidate: Progress, history: list[Progress], hits: int
) -> None:
    better = at_rung(candidate.accuracy_at[RUNG] + hits / 287, *candidate.costs)
    assert halve(better, history, rung=RUNG).go_on >= halve(candidate, history, rung=RUNG).go_on
