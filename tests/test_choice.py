"""``best --explain``: what surrounds a choice."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import NothingFeasibleError
from orchestrator.explain.choice import Choice, choice_of, sentences, to_json
from orchestrator.objectives import LATENCY_MS, MACS, NUM_PARAMETERS, Constraint
from orchestrator.records import SeedResult, StudySnapshot, TrialRecord, TrialState
from orchestrator.selector import Policy, front
from tests.synthetic import OBJECTIVES, completed, measured, study, unfinished

MAX_SMALL = Constraint(name=NUM_PARAMETERS, bound=100_000)


def timed(number: int, accuracy: float, num_parameters: int, median_ms: float) -> TrialRecord:
    return completed(number, accuracy, num_parameters, median_ms, latency=measured(median_ms))


def snapshot(*records: TrialRecord) -> StudySnapshot:
    return dataclasses.replace(study(1), records=records, constraints=())


def chosen(found: StudySnapshot, *limits: Constraint, num_validation: int | None = 359) -> Choice:
    return choice_of(dataclasses.replace(found, num_validation=num_validation), limits, Policy.ACCURATE)


def text(choice: Choice) -> str:
    return "\n".join(sentences(choice))


STUDY = snapshot(
    timed(0, 0.9944, 90_000, 1.0),
    timed(1, 0.9916, 20_000, 0.8),
    timed(2, 0.9300, 5_000, 0.5),
    timed(3, 0.9970, 400_000, 2.0),
    timed(4, 0.9800, 95_000, 1.5),
    unfinished(5, TrialState.PRUNED),
)


def test_others_of_the_front_are_offered_at_their_price() -> None:
    told = text(chosen(STUDY, MAX_SMALL))
    assert "in place of trial 0, others of the front would give" in told
    assert "trial    1  70,000 parameters less and 0.2 ms less for 0.28 points (too close to call)" in told
    assert "trial    2  85,000 parameters less and 0.5 ms less for 6.44 points" in told


def test_what_a_limit_leaves_out_is_named_with_the_limit() -> None:
    told = text(chosen(STUDY, MAX_SMALL))
    assert (
        "and beyond the limits\n  trial    3  +0.26 points (too close to call) for 310k parameters and 1 ms; "
        "not num_parameters at most 100,000"
    ) in told


def test_a_loser_is_told_whom_it_lost_to() -> None:
    assert "trial    4  dominated by trial 0: accuracy 0.014 higher, num_parameters 5.26 % lower" in text(chosen(STUDY))


def test_among_those_too_close_to_call_the_cheap_ones_are_recommended() -> None:
    told = text(chosen(STUDY, MAX_SMALL))
    assert "too close to call by accuracy: trial 1; take 1 for num_parameters and 1 for latency_ms" in told


def test_further_seeds_are_what_an_accuracy_is_judged_by() -> None:
    seeds = tuple(SeedResult(seed=seed, accuracy=0.990 + seed / 1000, loss=0.1) for seed in (1, 2, 3))
    record = dataclasses.replace(timed(0, 0.999, 1_000, 1.0), seeds=seeds)
    assert "accuracy 0.9920 over 3 further seeds: 0.9895 to 0.9945 with 95 %" in text(chosen(snapshot(record)))


def test_without_a_count_of_images_nothing_is_said_of_chance() -> None:
    choice = chosen(STUDY, num_validation=None)
    assert "nothing says how many validation images there were" in text(choice)
    assert "too close to call" not in text(choice)
    assert to_json(choice)["accuracy_interval"] is None


def test_a_predicted_latency_is_never_set_against_a_measured_one() -> None:
    """The whole front is measured, the choice inside the limit is not: both count as predicted."""
    fast = completed(0, 0.99, 40_000, 1.0, macs=10**9, latency=measured(3.0))
    light = completed(1, 0.95, 50_000, 1.5, macs=10**6)
    choice = chosen(snapshot(fast, light), Constraint(name=MACS, bound=1e8))
    ((exchange, _),) = choice.outside
    assert {change.objective.name: change.amount for change in exchange.changes}[LATENCY_MS] == -0.5


def test_nothing_inside_the_limits_names_the_nearest_miss() -> None:
    with pytest.raises(NothingFeasibleError, match=r"trial 2 is nearest: latency_ms 0.5 ms is 25 % above 0.4 ms"):
        chosen(STUDY, Constraint(name=LATENCY_MS, bound=0.4))


@given(st.integers(0, 400), st.sampled_from(list(Policy)))
def test_every_feasible_trial_is_chosen_offered_or_a_loser(seed: int, policy: Policy) -> None:
    found = dataclasses.replace(study(30, seed=seed), num_validation=359)
    limits = [Constraint(name=NUM_PARAMETERS, bound=300_000)]
    choice = choice_of(found, limits, policy)
    offered = {one.record.number for one in choice.inside}
    losers = {one.record.number for one in choice.losers}
    members = {record.number for record in front(found.records, OBJECTIVES, [*found.constraints, *limits])}
    assert offered | {choice.selection.record.number} == members
    assert not losers & members
    feasible = {
        record.number
        for record in found.records
        if record.state is TrialState.COMPLETED and record.num_parameters <= 300_000
    }
    assert losers | members == feasible
    fields = json.loads(json.dumps(to_json(choice)))
    assert {one["trial"] for one in fields["dominated"]} == losers
    assert {one["trial"] for one in fields["exchanges"]} == offered
