import math

from orchestrator.records import TrialState
from orchestrator.store.events import EpochReported, StudyEnd, TrialEnded
from orchestrator.tracking.changes import collect
from tests.tracking.studies import (
    START_MS,
    front,
    study_ended,
    study_started,
    trial_ended,
    trial_started,
    whole_study,
    whole_trial,
)


def test_a_whole_trial_is_one_change() -> None:
    changes = collect(whole_trial(4))
    assert list(changes.trials) == [4]
    change = changes.trials[4]
    assert (change.status, change.started_ms, change.ended_ms) == ("FINISHED", START_MS + 1000, START_MS + 9000)
    assert change.tags["state"] == "COMPLETED"
    assert change.params["growth_rate"] == "16"
    assert len(change.curves) == 3 * 4


def test_curves_go_to_chart_sections_and_final_figures_have_plain_names() -> None:
    change = collect(whole_trial(0)).trials[0]
    sections = {point.name for point in change.curves}
    assert sections == {"validation/accuracy", "validation/loss", "train/loss", "time/wall_time_s"}
    assert {"accuracy", "num_parameters", "latency_ms"} <= set(change.figures)


def test_measured_latency_replaces_predicted_latency() -> None:
    assert collect([trial_started(0)]).trials[0].figures["latency_ms"].value == 1.2346
    measured = collect([trial_started(0), trial_ended(0, latency_ms=2.5)]).trials[0]
    assert measured.figures["latency_ms"].value == 2.5
    assert measured.figures["predicted_latency_ms"].value == 1.2346


def test_times_are_those_of_the_events() -> None:
    change = collect(whole_trial(0)).trials[0]
    stamps = {point.step: point.timestamp_ms for point in change.curves}
    assert stamps == {1: START_MS + 3000, 2: START_MS + 4000, 3: START_MS + 5000}


def test_a_diverged_epoch_leaves_out_what_is_not_finite() -> None:
    event = EpochReported(timestamp_ms=1, number=0, epoch=1, metrics={"accuracy": 0.1, "loss": math.nan})
    assert [point.name for point in collect([event]).trials[0].curves] == ["validation/accuracy"]


def test_states_become_the_words_of_mlflow() -> None:
    words = {state: collect([trial_ended(0, state)]).trials[0].status for state in TrialState if state.is_end}
    assert words == {"COMPLETED": "FINISHED", "PRUNED": "KILLED", "INFEASIBLE": "KILLED", "FAILED": "FAILED"}
    assert [collect([study_ended(end)]).study.status for end in StudyEnd] == ["FINISHED", "KILLED", "FAILED"]


def test_only_the_last_front_counts() -> None:
    changes = collect([front(0), front(0, 3)])
    assert changes.front is not None
    assert changes.front.numbers == (0, 3)


def test_a_study_that_goes_on_after_its_end_is_running() -> None:
    assert collect([study_ended(StudyEnd.INTERRUPTED), study_started()]).study.status == "RUNNING"


def test_the_cause_of_a_failure_is_a_tag() -> None:
    changes = collect(whole_study())
    assert changes.trials[2].tags["cause"] == "diverged"
    assert "cause" not in changes.trials[0].tags


def test_tags_of_any_value_are_flattened_and_cut() -> None:
    tags = {"message": "x" * 9000, "hardware": {"num_cpus": 2}}
    event = TrialEnded(timestamp_ms=1, number=0, state=TrialState.PRUNED, tags=tags)
    change = collect([event]).trials[0]
    assert len(change.tags["message"]) == 8000
    assert change.tags["hardware.num_cpus"] == "2"
