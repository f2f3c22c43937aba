"""Against the real MLflow on SQLite, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.errors import ArchfrontError
from orchestrator.records import TrialState
from orchestrator.store.events import StudyEnd
from orchestrator.tracking.client import Client
from orchestrator.tracking.dataset import dataset_of
from orchestrator.tracking.views import links
from tests.tracking.reading import USES_MLFLOW, assert_whole_study, read
from tests.tracking.studies import (
    START_MS,
    artifact,
    epochs,
    front,
    study_ended,
    study_started,
    trial_ended,
    trial_started,
    whole_study,
    whole_trial,
)

pytestmark = USES_MLFLOW


@pytest.fixture
def connect(database_uri: str, directory: Path) -> Callable[[], Client]:
    """Makes clients as successive processes would."""
    return lambda: Client(uri=database_uri, experiment="archfront", study_id="s1", directory=directory)


def test_a_study_is_one_run_with_a_run_for_each_trial_below(connect: Callable[[], Client], database_uri: str) -> None:
    assert connect().apply(whole_study()) == []
    assert_whole_study(database_uri, "s1")


def test_a_trial_shows_what_is_known_of_it(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), *whole_trial(1), front(1)])
    run = read(database_uri, "s1").trials[1]
    assert run.info.run_name == "1 densenet"
    assert run.data.params == {
        "family": "densenet",
        "growth_rate": "13",
        "block_config": "6, 12",
        "memory_efficient": "false",
    }
    assert run.data.metrics["num_parameters"] == 21387
    assert run.data.metrics["loss"] == 0.3333
    assert {
        "kind": "trial",
        "state": "COMPLETED",
        "family": "densenet",
        "pareto": "true",
    }.items() <= run.data.tags.items()
    assert (run.info.start_time, run.info.end_time) == (START_MS + 1000, START_MS + 9000)


def test_the_study_shows_its_description_above_its_front(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), *whole_trial(1), front(1)])
    study = read(database_uri, "s1").study
    assert study.info.run_name == "digits"
    assert study.data.params == {"seed": "7", "budget.trials": "3"}
    assert study.data.tags["mlflow.note.content"].startswith("A *small* study.\n\n## Pareto front\n\n| trial |")


def test_runs_say_what_they_were_made_from(connect: Callable[[], Client], database_uri: str) -> None:
    data = {"data": {"name": "folder", "path": "/images"}, "task": {"image_size": 32}}
    started = study_started(params={"study": {"seed": 7}, **data}, tags={"commit": "0123456789ab"})
    connect().apply([started, *whole_trial(0)])
    connect().apply([started])
    shown = read(database_uri, "s1")
    assert shown.study.data.tags["mlflow.source.git.commit"] == "0123456789ab"
    digests = set()
    for run in (shown.study, shown.trials[0]):
        assert run.data.tags["mlflow.source.name"] == "archfront"
        (entry,) = run.inputs.dataset_inputs
        assert (entry.dataset.name, entry.dataset.source) == ("folder", '{"uri": "/images"}')
        digests.add(entry.dataset.digest)
    other = dataset_of({"data.name": "folder", "data.path": "/images", "task.image_size": "32", "study.seed": "8"})
    assert other is not None
    assert digests.isdisjoint({other.dataset.digest}), "another seed splits the images otherwise"


def test_views_that_mlflow_refuses_hold_nothing_back(database_uri: str, directory: Path) -> None:
    study_id = "s" * 240  # with it the name of a view's tag is too long
    client = Client(uri=database_uri, experiment="archfront", study_id=study_id, directory=directory)
    (refusal,) = client.apply(whole_study())
    assert refusal.startswith("views: ")
    assert client.apply(whole_trial(0)) == [], "it is said once"
    assert_whole_study(database_uri, study_id)
    assert "searchFilter" in links(directory)[0].url


@pytest.mark.parametrize("size", [1, 2, 5])
def test_it_does_not_matter_how_events_are_batched(connect: Callable[[], Client], database_uri: str, size: int) -> None:
    client, events = connect(), whole_study()
    for start in range(0, len(events), size):
        client.apply(events[start : start + size])
    assert_whole_study(database_uri, "s1")


def test_everything_twice_is_everything_once(connect: Callable[[], Client], database_uri: str) -> None:
    client = connect()
    client.apply(whole_study())
    client.apply(whole_study())
    connect().apply(whole_study())
    assert_whole_study(database_uri, "s1")
    assert len(read(database_uri, "s1").curve(0)) == 3


def test_a_later_process_goes_on_with_the_same_runs(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), trial_started(0), *epochs(0, count=2)])
    before = read(database_uri, "s1")
    connect().apply([study_started(), *epochs(0)[2:], trial_ended(0), front(0), study_ended()])
    after = read(database_uri, "s1")
    assert after.study.info.run_id == before.study.info.run_id
    assert after.trials[0].info.run_id == before.trials[0].info.run_id
    assert after.curve(0) == [(1, 0.91), (2, 0.92), (3, 0.93)]


def test_an_interrupted_study_is_running_again_after_its_resumption(
    connect: Callable[[], Client], database_uri: str
) -> None:
    connect().apply([study_started(), study_ended(StudyEnd.INTERRUPTED)])
    assert read(database_uri, "s1").study.info.status == "KILLED"
    connect().apply([study_started()])
    assert read(database_uri, "s1").study.info.status == "RUNNING"
    connect().apply([study_ended()])
    assert read(database_uri, "s1").study.info.status == "FINISHED"


def test_an_extended_budget_does_not_stand_in_the_way(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), study_ended()])
    assert (
        connect().apply([study_started(params={"seed": 7, "budget": {"trials": 9}, "new": 1}), *whole_trial(0)]) == []
    )
    shown = read(database_uri, "s1")
    assert shown.study.data.params == {"seed": "7", "budget.trials": "3", "new": "1"}
    assert 0 in shown.trials


def test_a_trial_that_is_overtaken_leaves_the_front_and_changes_colour(
    connect: Callable[[], Client], database_uri: str
) -> None:
    connect().apply([study_started(), *whole_trial(0), front(0)])
    on_front = read(database_uri, "s1").trials[0].data.tags["mlflow.runColor"]
    connect().apply([*whole_trial(1), front(1)])
    shown = read(database_uri, "s1")
    assert [shown.trials[number].data.tags["pareto"] for number in (0, 1)] == ["false", "true"]
    assert shown.trials[1].data.tags["mlflow.runColor"] == on_front
    assert shown.trials[0].data.tags["mlflow.runColor"] != on_front


def test_measured_latency_replaces_the_prediction_after_the_end(
    connect: Callable[[], Client], database_uri: str
) -> None:
    client = connect()
    client.apply([study_started(), *whole_trial(0)])
    assert read(database_uri, "s1").trials[0].data.metrics["latency_ms"] == 1.2346
    client.apply([trial_ended(0, latency_ms=2.5, test_accuracy=0.92)])
    run = read(database_uri, "s1").trials[0]
    assert (run.data.metrics["latency_ms"], run.data.metrics["test_accuracy"]) == (2.5, 0.92)
    assert len(read(database_uri, "s1").client.get_metric_history(run.info.run_id, "accuracy")) == 1


def test_two_studies_share_an_experiment_and_nothing_else(database_uri: str, directory: Path) -> None:
    for study_id in ("s1", "s2"):
        client = Client(uri=database_uri, experiment="archfront", study_id=study_id, directory=directory)
        client.apply(whole_study())
    assert_whole_study(database_uri, "s1")
    assert_whole_study(database_uri, "s2")


def test_a_run_that_was_made_twice_is_kept_once(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), *whole_trial(0)])
    shown = read(database_uri, "s1")
    kept = {shown.study.info.run_id, shown.trials[0].info.run_id}
    for run in (shown.study, shown.trials[0]):
        names = ("archfront.study_id", "archfront.trial", "kind")
        tags = {name: run.data.tags[name] for name in names if name in run.data.tags}
        shown.client.create_run(run.info.experiment_id, tags=tags)
    connect().apply(whole_study())
    assert_whole_study(database_uri, "s1")
    after = read(database_uri, "s1")
    assert {after.study.info.run_id, after.trials[0].info.run_id} == kept


def test_a_run_that_a_person_deleted_is_left_alone(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), *whole_trial(0), *whole_trial(1)])
    shown = read(database_uri, "s1")
    shown.client.delete_run(shown.trials[0].info.run_id)
    assert connect().apply([trial_ended(0, latency_ms=2.0), trial_ended(1, latency_ms=2.0), front(0, 1)]) == []
    after = read(database_uri, "s1")
    assert list(after.trials) == [1]
    assert after.trials[1].data.metrics["latency_ms"] == 2.0


def test_a_run_deleted_while_the_study_runs_holds_nothing_up(connect: Callable[[], Client], database_uri: str) -> None:
    client = connect()
    client.apply([study_started(), trial_started(0), trial_started(1)])
    shown = read(database_uri, "s1")
    shown.client.delete_run(shown.trials[0].info.run_id)
    refusals = client.apply([*epochs(0), *epochs(1)])
    assert len(refusals) == 1
    assert len(read(database_uri, "s1").curve(1)) == 3


def test_events_of_a_trial_that_mlflow_has_lost_make_it_again(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([*epochs(5), trial_ended(5, TrialState.PRUNED)])
    run = read(database_uri, "s1").trials[5]
    assert (run.info.run_name, run.data.tags["state"]) == ("5", "PRUNED")


def test_a_deleted_experiment_is_said_so(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started()])
    mlflow = MlflowClient(database_uri)
    experiment = mlflow.get_experiment_by_name("archfront")
    assert experiment is not None
    mlflow.delete_experiment(experiment.experiment_id)
    with pytest.raises(ArchfrontError, match="is deleted in MLflow"):
        connect().apply([study_ended()])


def test_the_experiment_is_shown_as_one_for_model_training(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started()])
    experiment = MlflowClient(database_uri).get_experiment_by_name("archfront")
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_artifacts_lie_beside_the_database(connect: Callable[[], Client], database_uri: str, directory: Path) -> None:
    (directory / "report.html").write_text("<p>front</p>")
    (directory / "tables").mkdir()
    (directory / "tables" / "trials.csv").write_text("number\n")
    events = [artifact("report.html"), artifact("tables/trials.csv", "tables"), artifact("gone.html")]
    assert connect().apply([study_started(), *events]) == ["gone.html is gone and can't be sent"]
    study = read(database_uri, "s1").study
    folder = directory.parent / "mlartifacts" / study.info.run_id / "artifacts"
    assert (folder / "report.html").read_text() == "<p>front</p>"
    assert (folder / "tables" / "trials.csv").exists()


def test_a_failure_is_raised_and_the_next_try_completes(connect: Callable[[], Client], database_uri: str) -> None:
    client = connect()
    client.apply([study_started(), trial_started(0)])
    Path(database_uri.removeprefix("sqlite:///")).rename(
        hidden := Path(database_uri.removeprefix("sqlite:///") + ".away")
    )
    with pytest.raises(MlflowException):
        client.apply(whole_study())
    hidden.rename(hidden.with_suffix(""))
    client.apply(whole_study())
    assert_whole_study(database_uri, "s1")


def test_thousands_of_points_fit(connect: Callable[[], Client], database_uri: str) -> None:
    connect().apply([study_started(), trial_started(0), *epochs(0, count=700)])
    assert len(read(database_uri, "s1").curve(0)) == 700
