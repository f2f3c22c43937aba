"""What stands on the front, what is chosen from it, and what is said when nothing fits."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import BadInputError, NothingFeasibleError
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    THROUGHPUT_PER_S,
    Constraint,
)
from orchestrator.records import Cause, SeedResult, TrialRecord, TrialState
from orchestrator.selector import LatencyBasis, Policy, best, dominators, front, is_feasible, latency_basis
from tests.synthetic import CONDITIONS, OBJECTIVES, completed, measured, unfinished

MAX_SMALL = Constraint(name=NUM_PARAMETERS, bound=100_000)


def numbers(records: tuple[TrialRecord, ...]) -> list[int]:
    return [record.number for record in records]


def with_latency(record: TrialRecord, median_ms: float, **fields: object) -> TrialRecord:
    return dataclasses.replace(record, latency=measured(median_ms, **fields))


@st.composite
def record_lists(draw: st.DrawFn) -> list[TrialRecord]:
    """Few values of each figure, so that ties, duplicates and half-confirmed studies come up."""
    records = []
    for number in range(draw(st.integers(0, 10))):
        record = completed(
            number,
            draw(st.sampled_from([0.9, 0.95, 0.97, 0.99])),
            draw(st.sampled_from([10_000, 50_000, 200_000])),
            draw(st.sampled_from([0.5, 1.0, 2.0])),
        )
        kind = draw(st.sampled_from(["predicted", "measured", "measured", "other conditions", "failed"]))
        match kind:
            case "measured":
                median_ms = draw(st.sampled_from([0.6, 1.1, 1.9]))
                record = with_latency(record, median_ms, high_ms=median_ms * draw(st.sampled_from([1.0, 1.02, 2.0])))
            case "other conditions":
                conditions = dataclasses.replace(CONDITIONS, num_threads=2)
                record = with_latency(record, draw(st.sampled_from([0.6, 1.1])), conditions=conditions)
            case "failed":
                record = dataclasses.replace(record, state=TrialState.FAILED, cause=Cause.DIVERGED, accuracy=None)
        records.append(record)
    return records


def test_the_front_holds_what_nobody_dominates_most_accurate_first() -> None:
    records = [
        completed(0, 0.90, 10_000, 0.5),
        completed(1, 0.99, 200_000, 2.0),
        completed(2, 0.95, 50_000, 1.0),
        completed(3, 0.94, 60_000, 1.0),
    ]
    assert numbers(front(records, OBJECTIVES)) == [1, 2, 0]


def test_equal_trials_share_the_front() -> None:
    records = [completed(number, 0.95, 50_000, 1.0) for number in range(3)]
    assert numbers(front(records, OBJECTIVES)) == [0, 1, 2]


@pytest.mark.parametrize("state", [state for state in TrialState if state is not TrialState.COMPLETED])
def test_only_completed_trials_stand_on_the_front(state: TrialState) -> None:
    assert front([unfinished(0, state)], OBJECTIVES) == ()


def test_what_breaks_a_constraint_is_not_on_the_front_and_hides_nobody() -> None:
    records = [completed(0, 0.99, 200_000, 0.5), completed(1, 0.95, 90_000, 1.0)]
    assert numbers(front(records, OBJECTIVES, [MAX_SMALL])) == [1]


def test_a_bound_itself_is_inside() -> None:
    assert is_feasible(completed(0, 0.99, 100_000, 0.5), [MAX_SMALL, Constraint(name=ACCURACY, bound=0.99)])


def test_a_measured_latency_above_its_limit_overrules_a_prediction_below_it() -> None:
    record = with_latency(completed(0, 0.99, 10_000, 1.9), 2.1)
    assert not is_feasible(record, [Constraint(name=LATENCY_MS, bound=2.0)])


def test_once_the_front_is_measured_it_holds_measured_trials_by_measured_latency() -> None:
    records = [
        with_latency(completed(0, 0.99, 50_000, 1.0), 1.2),
        with_latency(completed(1, 0.98, 50_000, 0.9), 1.3),
        completed(2, 0.97, 50_000, 1.05),
    ]
    assert latency_basis(records, OBJECTIVES) is LatencyBasis.MEASURED
    assert numbers(front(records, OBJECTIVES)) == [0]


def test_a_measured_latency_dominates_only_beyond_the_noise() -> None:
    """Trial 1 is worse in every median; only where the intervals are apart is it known to be slower."""
    quick = with_latency(completed(0, 0.99, 50_000, 1.0), 1.00, low_ms=0.98, high_ms=1.02)
    close = with_latency(completed(1, 0.98, 60_000, 1.0), 1.03, low_ms=1.01, high_ms=1.05)
    slow = with_latency(completed(1, 0.98, 60_000, 1.0), 1.05, low_ms=1.03, high_ms=1.07)
    assert numbers(front([quick, close], OBJECTIVES)) == [0, 1]
    assert numbers(front([quick, slow], OBJECTIVES)) == [0]


def test_a_difference_within_the_noise_is_said_to_be_one() -> None:
    quick = with_latency(completed(0, 0.99, 60_000, 1.0), 1.00, low_ms=0.98, high_ms=1.02)
    close = with_latency(completed(1, 0.98, 50_000, 1.0), 1.03, low_ms=1.01, high_ms=1.05)
    assert "latency_ms 3 % higher (within the noise)" in best([quick, close], OBJECTIVES).why


def test_an_interrupted_confirm_hides_no_finalist() -> None:
    records = [with_latency(completed(0, 0.99, 50_000, 1.0), 1.2), completed(1, 0.98, 40_000, 0.9)]
    assert latency_basis(records, OBJECTIVES) is LatencyBasis.PREDICTED
    assert numbers(front(records, OBJECTIVES)) == [0, 1]


def test_a_prediction_is_never_compared_with_a_measurement() -> None:
    """Trial 0 was measured slower than predicted; that says nothing of trial 1, which was not measured."""
    records = [with_latency(completed(0, 0.99, 50_000, 1.0), 3.0), completed(1, 0.98, 50_000, 1.1)]
    assert numbers(front(records, OBJECTIVES)) == [0]
    assert [found.record.number for found in dominators(records[1], records, OBJECTIVES)] == [0]


def test_latencies_under_different_conditions_are_not_compared() -> None:
    records = [
        with_latency(completed(0, 0.99, 50_000, 1.0), 0.4, conditions=dataclasses.replace(CONDITIONS, device="cuda")),
        with_latency(completed(1, 0.98, 40_000, 0.9), 0.8),
    ]
    assert latency_basis(records, OBJECTIVES) is LatencyBasis.PREDICTED
    assert numbers(front(records, OBJECTIVES)) == [0, 1]


def test_an_extension_that_finds_nothing_new_leaves_the_front_measured() -> None:
    records = [with_latency(completed(0, 0.99, 50_000, 1.0), 1.2), completed(1, 0.98, 60_000, 1.1)]
    assert latency_basis(records, OBJECTIVES) is LatencyBasis.MEASURED


@given(record_lists(), st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(records: list[TrialRecord], rng: object) -> None:
    shuffled = list(records)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert front(shuffled, OBJECTIVES) == front(records, OBJECTIVES)
    for policy in Policy:
        if front(records, OBJECTIVES):
            assert best(shuffled, OBJECTIVES, (), policy) == best(records, OBJECTIVES, (), policy)


@given(record_lists())
def test_a_feasible_trial_is_on_the_front_exactly_when_nobody_dominates_it(records: list[TrialRecord]) -> None:
    for constraints in ([], [MAX_SMALL], [Constraint(name=LATENCY_MS, bound=1.5)]):
        members = numbers(front(records, OBJECTIVES, constraints))
        for record in records:
            if record.state is TrialState.COMPLETED and is_feasible(record, constraints):
                assert (record.number in members) == (
                    dominators(record, records, OBJECTIVES, constraints=constraints) == ()
                )


@given(record_lists())
def test_a_measured_front_has_measured_members_only(records: list[TrialRecord]) -> None:
    if latency_basis(records, OBJECTIVES) is LatencyBasis.MEASURED:
        assert all(record.latency is not None for record in front(records, OBJECTIVES))


@given(record_lists(), st.sampled_from(list(Policy)))
def test_the_best_is_on_the_front_inside_the_limits(records: list[TrialRecord], policy: Policy) -> None:
    limits = [MAX_SMALL, Constraint(name=LATENCY_MS, bound=1.5)]
    members = front(records, OBJECTIVES, limits)
    if members:
        selection = best(records, OBJECTIVES, limits, policy)
        assert selection.record in members
        assert selection.runner_up is None if len(members) == 1 else selection.runner_up in members
        assert selection.runner_up != selection.record
    else:
        with pytest.raises(NothingFeasibleError):
            best(records, OBJECTIVES, limits, policy)


@pytest.mark.parametrize(
    ("name", "hint"), [(FILE_BYTES, "made by a later archfront"), (THROUGHPUT_PER_S, "whose study file asks for it")]
)
def test_a_limit_of_a_figure_that_trials_lack_is_bad_input(name: str, hint: str) -> None:
    records = [completed(0, 0.95, 40_000, 1.0), unfinished(1, TrialState.PRUNED)]
    with pytest.raises(BadInputError, match=f"trial 0 is COMPLETED and has no {name}") as refusal:
        best(records, OBJECTIVES, [Constraint(name=name, bound=1e6)])
    assert hint in refusal.value.hint
    known = dataclasses.replace(records[0], file_bytes=10, predicted_throughput_per_s=2e6)
    assert best([known, records[1]], OBJECTIVES, [Constraint(name=name, bound=1e6)]).record == known


def test_domination_says_by_how_much() -> None:
    better, worse = completed(0, 0.95, 40_000, 1.0), completed(1, 0.94, 50_000, 1.0)
    (found,) = dominators(worse, [better, worse], OBJECTIVES)
    assert found.record is better
    assert found.margins == pytest.approx({ACCURACY: 0.01, NUM_PARAMETERS: 10_000, LATENCY_MS: 0.0})
    assert found.text == "accuracy 0.01 higher, num_parameters 20 % lower, latency_ms equal"


def test_the_most_accurate_dominator_comes_first() -> None:
    records = [completed(0, 0.95, 40_000, 1.0), completed(1, 0.97, 40_000, 1.0), completed(2, 0.94, 50_000, 1.0)]
    assert [found.record.number for found in dominators(records[2], records, OBJECTIVES)] == [1, 0]


def test_a_trial_without_accuracy_has_no_dominators_to_name() -> None:
    pruned = unfinished(0, TrialState.PRUNED)
    with pytest.raises(ValueError, match="PRUNED"):
        dominators(pruned, [pruned, completed(1, 0.9, 10, 1.0)], OBJECTIVES)


CHOICES = [
    completed(0, 0.900, 10_000, 0.9),
    completed(1, 0.980, 40_000, 1.0),
    completed(2, 0.985, 400_000, 3.0),
    completed(3, 0.880, 15_000, 0.4),
]


@pytest.mark.parametrize(
    ("policy", "chosen", "runner_up"),
    [(Policy.ACCURATE, 2, 1), (Policy.KNEE, 1, 3), (Policy.SMALL, 0, 3), (Policy.FAST, 3, 0)],
)
def test_each_policy_chooses_by_its_rule(policy: Policy, chosen: int, runner_up: int) -> None:
    selection = best(CHOICES, OBJECTIVES, (), policy)
    assert selection.record.number == chosen
    assert selection.runner_up is not None
    assert selection.runner_up.number == runner_up


def test_the_default_is_the_most_accurate_inside_the_limits() -> None:
    assert best(CHOICES, OBJECTIVES, [MAX_SMALL]).record.number == 1


def test_a_limit_on_a_figure_that_is_no_objective_can_choose_a_trial_off_the_studys_front() -> None:
    records = [completed(0, 0.99, 50_000, 1.0, macs=9_000_000), completed(1, 0.98, 50_000, 1.0, macs=1_000_000)]
    assert best(records, OBJECTIVES, [Constraint(name=MACS, bound=2e6)]).record.number == 1


def test_equal_accuracies_are_told_apart_by_parameters_then_latency_then_number() -> None:
    records = [
        completed(5, 0.95, 20_000, 1.0),
        completed(4, 0.95, 10_000, 2.0),
        completed(3, 0.95, 10_000, 2.0),
        completed(2, 0.95, 30_000, 0.5),
    ]
    assert numbers(front(records, OBJECTIVES)) == [3, 4, 5, 2]
    assert best(records, OBJECTIVES).record.number == 3


def test_further_seeds_tell_equally_accurate_trials_apart() -> None:
    lucky, steady = completed(0, 0.95, 10_000, 1.0), completed(1, 0.95, 20_000, 0.5)
    records = [
        dataclasses.replace(record, seeds=(SeedResult(seed=1, accuracy=accuracy, loss=0.1),))
        for record, accuracy in ((lucky, 0.91), (steady, 0.94))
    ]
    assert best(records, OBJECTIVES).record.number == 1
    assert best([lucky, steady], OBJECTIVES).record.number == 0


def test_the_reason_names_rule_limits_and_runner_up() -> None:
    why = best(CHOICES, OBJECTIVES, [MAX_SMALL]).why
    assert why.startswith(
        "most accurate of 3 trials on the front with num_parameters at most 100,000; "
        "next is trial 0: accuracy 0.08 lower"
    )
    assert why.endswith("latency is predicted: not every candidate is measured")


@pytest.mark.parametrize("name", [NUM_PARAMETERS, ACCURACY])
def test_of_two_limits_on_a_figure_the_closer_one_is_named(name: str) -> None:
    loose, tight = (0.5, 0.95) if name == ACCURACY else (1e6, 1e5)
    limits = [
        Constraint(name=name, bound=loose),
        Constraint(name=name, bound=tight),
        Constraint(name=name, bound=loose),
    ]
    why = best(CHOICES, OBJECTIVES, limits).why
    assert str(limits[1]) in why
    assert " and " not in why


def test_the_reason_for_an_only_trial_is_that_it_is_the_only_one() -> None:
    only = with_latency(completed(0, 0.95, 10_000, 1.0), 1.1)
    assert best([only], OBJECTIVES).why == "the only trial on the front"


def test_when_nothing_fits_the_nearest_trial_and_its_miss_are_named() -> None:
    limits = [Constraint(name=NUM_PARAMETERS, bound=8_000), Constraint(name=LATENCY_MS, bound=0.5)]
    with pytest.raises(NothingFeasibleError) as caught:
        best(CHOICES, OBJECTIVES, limits)
    assert caught.value.exit_code == 3
    assert caught.value.message == (
        "none of 4 COMPLETED trials has num_parameters at most 8,000 and latency_ms at most 0.5 ms; "
        "trial 0 is nearest: num_parameters 10,000 is 25 % above 8,000; "
        "latency_ms 0.9 ms (predicted) is 80 % above 0.5 ms"
    )


def test_a_missed_accuracy_is_given_in_accuracy() -> None:
    with pytest.raises(NothingFeasibleError, match=r"trial 2 is nearest: accuracy 0\.9850 is 0\.005 below 0\.9900$"):
        best(CHOICES, OBJECTIVES, [Constraint(name=ACCURACY, bound=0.99)])


def test_the_nearest_misses_its_worst_limit_by_the_least() -> None:
    limits = [Constraint(name=NUM_PARAMETERS, bound=10_000), Constraint(name=ACCURACY, bound=0.95)]
    records = [completed(0, 0.951, 20_000, 1.0), completed(1, 0.94, 10_000, 1.0)]
    with pytest.raises(NothingFeasibleError, match="trial 1 is nearest"):
        best(records, OBJECTIVES, limits)


def test_a_study_without_completed_trials_says_what_it_has() -> None:
    records = [unfinished(0, TrialState.PRUNED)]
    with pytest.raises(NothingFeasibleError, match=r"no trial is COMPLETED \(1 PRUNED\)"):
        best(records, OBJECTIVES)
    with pytest.raises(NothingFeasibleError, match="the study has no trials"):
        best([], OBJECTIVES)


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_names_of_the_selector_cost_no_import_of_numpy() -> None:
    assert "numpy" not in modules_after("import orchestrator.selector, orchestrator.records, orchestrator.objectives")


def test_front_and_best_import_no_framework() -> None:
    code = (
        "from orchestrator.selector import best, front; from tests.synthetic import OBJECTIVES, study\n"
        "front(study(9).records, OBJECTIVES); best(study(9).records, OBJECTIVES, (), 'knee')"
    )
    assert not {"torch", "ray", "optuna", "mlflow", "pyarrow", "scipy", "pandas", "pydantic"} & modules_after(code)
