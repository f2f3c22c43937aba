"""Records: what can't be made, and what they answer."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS
from orchestrator.records import Cause, EpochReport, Phases, TrialState
from tests.synthetic import completed, measured, scored, unfinished

UNFINISHED = [state for state in TrialState if state is not TrialState.COMPLETED]


def report(**fields: Any) -> EpochReport:
    return EpochReport(**{"epoch": 1, "accuracy": 0.5, "loss": 1.0, "train_loss": 1.2, "wall_time_s": 0.5, **fields})


@pytest.mark.parametrize("accuracy", [None, math.nan, math.inf])
def test_a_completed_trial_has_a_finite_accuracy(accuracy: float | None) -> None:
    with pytest.raises(ValueError, match=r"trial 3 is COMPLETED and has (no accuracy|an accuracy outside)"):
        dataclasses.replace(completed(3, 0.9, 10, 1.0), accuracy=accuracy)


@pytest.mark.parametrize("state", UNFINISHED)
def test_only_a_completed_trial_has_a_final_accuracy(state: TrialState) -> None:
    with pytest.raises(ValueError, match=f"{state} and can't have a final accuracy"):
        unfinished(0, state, accuracy=0.9)


def test_a_failed_trial_has_a_cause() -> None:
    with pytest.raises(ValueError, match="FAILED and has no cause"):
        unfinished(0, TrialState.FAILED, cause=None)


@pytest.mark.parametrize(
    ("low_ms", "high_ms"), [(1.1, 1.2), (0.8, 0.9), (0.0, 1.2), (-1.0, 1.2), (math.nan, 1.2), (0.9, math.nan)]
)
def test_a_latency_lies_within_its_interval(low_ms: float, high_ms: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        measured(1.0, low_ms=low_ms, high_ms=high_ms)


def test_latency_is_measured_where_it_was_measured_and_predicted_elsewhere() -> None:
    record = completed(0, 0.9, 10, 1.0)
    assert record.latency_ms == 1.0
    assert dataclasses.replace(record, latency=measured(1.2)).latency_ms == 1.2


def test_figures_are_answered_by_the_names_of_objectives() -> None:
    record = completed(0, 0.9, 10, 1.0, macs=500)
    assert [record.value(name) for name in (ACCURACY, NUM_PARAMETERS, MACS, LATENCY_MS)] == [0.9, 10.0, 500.0, 1.0]


@pytest.mark.parametrize("state", UNFINISHED)
def test_a_trial_without_a_final_accuracy_has_its_costs_all_the_same(state: TrialState) -> None:
    record = unfinished(4, state)
    assert record.value(NUM_PARAMETERS) == 10_000
    with pytest.raises(ValueError, match=f"trial 4 is {state} and has no accuracy"):
        record.value(ACCURACY)


@pytest.mark.parametrize("state", TrialState)
def test_pending_and_running_are_the_states_that_are_no_end(state: TrialState) -> None:
    assert state.is_end == (state not in (TrialState.PENDING, TrialState.RUNNING))


def test_states_and_causes_are_stored_as_the_words_of_the_style_guide() -> None:
    assert [str(state) for state in TrialState] == ["PENDING", "RUNNING", "COMPLETED", "PRUNED", "INFEASIBLE", "FAILED"]
    causes = {"diverged", "out_of_memory", "timeout", "worker_died", "error", "reused"}
    assert causes <= {str(cause) for cause in Cause}


@pytest.mark.parametrize("field", ["accuracy", "loss", "train_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_report_with_a_figure_that_is_no_number_is_not_finite(field: str, value: float) -> None:
    assert report().is_finite
    assert not report(**{field: value}).is_finite


def test_records_survive_pickling_between_processes() -> None:
    record = completed(0, 0.9, 10, 1.0, latency=measured(1.2), reports=(report(),), **scored(0.8))
    assert pickle.loads(pickle.dumps(record)) == record


def test_a_record_is_changed_by_replacing_it() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        completed(0, 0.9, 10, 1.0).accuracy = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "fields",
    [
        {"accuracy": 1.7},
        {"accuracy": -0.2},
        {"test_accuracy": math.nan},
        {"predicted_latency_ms": math.nan},
        {"predicted_latency_ms": -1.0},
        {"predicted_throughput_per_s": 0.0},
        {"predicted_throughput_per_s": math.nan},
        {"file_bytes": -1},
        {"peak_memory_bytes": -1},
        {"num_parameters": -1},
        {"macs": -1},
        {"number": -1},
        {"cause": Cause.DIVERGED},
        {"reports": (report(epoch=2), report(epoch=1))},
        {"reports": (report(epoch=1), report(epoch=1))},
        {"reports": (report(epoch=0),)},
        {"test_accuracy": 0.7, "test_score": scored(0.8)["test_score"]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_completed_record_with_an_impossible_figure_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="trial"):
        completed(**{"number": 0, "accuracy": 0.9, "num_parameters": 10, "latency_ms": 1.0, **fields})


@pytest.mark.parametrize(
    "fields",
    [{"test_accuracy": 0.9}, scored(0.9), {"latency": measured(1.0)}],
    ids=["test_accuracy", "test_score", "latency"],
)
def test_only_a_completed_trial_is_measured_and_tested(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="trial"):
        unfinished(0, TrialState.PRUNED, **fields)


def test_a_latency_is_finite() -> None:
    with pytest.raises(ValueError, match="interval"):
        measured(1.0, high_ms=math.inf)


def test_a_figure_that_no_trial_has_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="acuracy"):
        completed(0, 0.9, 10, 1.0).value("acuracy")


SECONDS = st.floats(0, 1e6)
PHASES = st.builds(
    Phases,
    num_images=st.integers(0, 10**9),
    data_s=SECONDS,
    step_s=SECONDS,
    validation_s=SECONDS,
    checkpoint_s=SECONDS,
)


@given(phases=st.none() | PHASES, top5_accuracy=st.none() | st.floats(0, 1))
def test_a_report_survives_json(phases: Phases | None, top5_accuracy: float | None) -> None:
    made = report(phases=phases, top5_accuracy=top5_accuracy)
    assert EpochReport.from_dict(json.loads(json.dumps(dataclasses.asdict(made)))) == made


def test_a_report_of_an_earlier_version_is_one_that_was_not_timed() -> None:
    earlier = {"epoch": 1, "accuracy": 0.5, "loss": 1.0, "train_loss": 1.2, "wall_time_s": 0.5}
    assert EpochReport.from_dict(earlier) == report(phases=None, top5_accuracy=None)


@given(st.lists(PHASES, min_size=1, max_size=5))
def test_phases_add_up(spent: list[Phases]) -> None:
    total = sum(spent, Phases())
    assert total.num_images == sum(one.num_images for one in spent)
    assert total.total_s == pytest.approx(sum(one.total_s for one in spent))


def test_images_per_second_are_those_of_data_and_step_alone() -> None:
    spent = Phases(num_images=300, data_s=1.0, step_s=2.0, validation_s=50.0, checkpoint_s=50.0)
    assert spent.images_per_s == 100.0
    assert Phases(num_images=300).images_per_s is None
