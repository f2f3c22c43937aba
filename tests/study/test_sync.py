"""What MLflow lacks of a study is sent when no driver runs it; nothing arrives twice. The real MLflow on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestrator.errors import ArchfrontError, BadInputError, StudyError
from orchestrator.records import TrialState
from orchestrator.report import to_markdown
from orchestrator.selector import front
from orchestrator.storage.places import Place
from orchestrator.store.announcements import front_changed, study_started
from orchestrator.store.opening import take
from orchestrator.store.outbox import OutboxEntry
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import open_directory
from orchestrator.store.repair import repair
from orchestrator.study.outcome import publish
from orchestrator.study.preparation import open_study
from orchestrator.study.sync import note_address
from orchestrator.study.sync import sync as sync_by_process
from orchestrator.tracking.address import sqlite_uri
from orchestrator.tracking.client import Client
from orchestrator.tracking.sender import apply_entries
from tests.simulation import STUDY, Simulation, config_of
from tests.synthetic import measured, scored
from tests.tracking.conftest import empty_database  # noqa: F401 - a fixture
from tests.tracking.reading import USES_MLFLOW, Shown, read

pytestmark = USES_MLFLOW

SMALL = ("study.sampler=random", "budget.trials=4", "recipe.epochs=3")


@pytest.fixture
def root(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """A study that was searched while MLflow, a file beside it, was away all the time."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "runs").mkdir()
    for folder in (tmp_path / "runs", tmp_path):
        shutil.copy(empty_database, folder / "mlflow.db")
    root = tmp_path / "runs" / "study"
    simulation = Simulation(root, config_of(tmp_path, STUDY, *SMALL))
    store = simulation.store
    store.set_constants({"provenance": {"torch": "2.15.0"}})
    store.announce([study_started(name=store.name, frozen=store.frozen, provenance=store.constants["provenance"])])
    simulation.run()
    store.score(0, latency=measured(0.5), test_score=scored(0.87)["test_score"])
    members = front(store.records.values(), simulation.config.objectives, simulation.config.constraints)
    store.announce([front_changed(members, to_markdown(store.snapshot()))])
    publish(store)
    store.close()
    return root


class InProcess:
    """MLflow here and not in a process of its own, where importing it takes most of a test's time."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._client = Client(**{**settings, "directory": Path(settings["directory"])})

    def send(self, entries: Sequence[OutboxEntry]) -> list[str]:
        return apply_entries(self._client, [(entry.kind, entry.payload) for entry in entries])

    def end(self) -> None: ...


sync = partial(sync_by_process, connect=InProcess)


def usual(root: Path) -> str:
    return sqlite_uri(root.parent / "mlflow.db")


def other(root: Path) -> str:
    return sqlite_uri(root.parents[1] / "mlflow.db")


def content(shown: Shown) -> dict[object, object]:
    """All that MLflow holds of the study but ids and times."""
    found: dict[object, object] = {}
    for number, run in {None: shown.study, **shown.trials}.items():
        tags = {name: value for name, value in run.data.tags.items() if name != "mlflow.parentRunId"}
        histories = {name: shown.client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        points = {name: [(point.step, point.value) for point in history] for name, history in histories.items()}
        files = sorted(file.path for file in shown.client.list_artifacts(run.info.run_id))
        found[number] = (run.info.status, run.data.params, tags, points, files)
    return found


def assert_complete(shown: Shown, root: Path) -> None:
    snapshot = read_snapshot(root)
    assert sorted(shown.trials) == [record.number for record in snapshot.records]
    for record in snapshot.records:
        curve = [(report.epoch, round(report.accuracy, 4)) for report in record.reports]
        assert shown.curve(record.number) == curve
        run = shown.trials[record.number]
        assert run.data.tags["state"] == record.state
        assert run.data.tags["mlflow.parentRunId"] == shown.study.info.run_id
        if record.state is TrialState.COMPLETED:
            assert run.data.metrics["accuracy"] == pytest.approx(record.accuracy, abs=1e-4)
    assert shown.trials[0].data.metrics["test_accuracy"] == pytest.approx(0.87)
    assert {run.data.tags["pareto"] for run in shown.trials.values()} >= {"true"}
    files = {file.path for file in shown.client.list_artifacts(shown.study.info.run_id)}
    assert files == {"report.html", "front.md", "trials.csv", "trials.parquet"}


def test_what_waited_is_sent_once_and_told_again_it_changes_nothing(root: Path) -> None:
    with held(root) as num_waiting:
        pass
    sent = sync_by_process(root)
    assert (sent.num_events, sent.refusals) == (num_waiting, ())
    assert sent.place == usual(root)
    shown = read(usual(root), read_snapshot(root).study_id)
    assert_complete(shown, root)
    before = content(shown)
    assert sync(root).num_events == 0
    assert sync(root, everything=True).num_events > 4 * (2 + 3)
    assert content(read(usual(root), read_snapshot(root).study_id)) == before


def test_another_server_gets_the_whole_study_and_the_usual_one_what_waited_for_it(root: Path) -> None:
    study_id = read_snapshot(root).study_id
    with pytest.raises(BadInputError, match=r"was sent to .*runs/mlflow\.db so far") as error:
        sync(root, uri=other(root))
    assert "--all" in error.value.hint
    sync(root, uri=other(root), everything=True)
    assert_complete(read(other(root), study_id), root)
    with held(root) as num_waiting:
        assert num_waiting
    sync(root)
    assert content(read(usual(root), study_id)) == content(read(other(root), study_id))


def test_a_wiped_server_gets_all_of_it_again_also_of_a_study_that_was_repaired(
    root: Path,
    empty_database: Path,  # noqa: F811
) -> None:
    sync(root)
    study_id = read_snapshot(root).study_id
    before = content(read(usual(root), study_id))
    (root / "study.db").unlink()
    repair(root)
    sync(root, everything=True)  # MLflow had all of it, with times that are lost here
    assert content(read(usual(root), study_id)) == before
    shutil.copy(empty_database, root.parent / "mlflow.db")
    sync(root, everything=True)
    again = content(read(usual(root), study_id))
    assert again.keys() == before.keys()
    assert_complete(read(usual(root), study_id), root)
    with held(root) as num_waiting:
        assert num_waiting == 0


def test_it_goes_where_the_search_has_sent_to(root: Path) -> None:
    store = take(root)
    note_address(store, uri="http://somebody:hunter2@host/", experiment="none")
    note_address(store, uri=other(root), experiment="mine")
    store.close()
    assert sync(root).place == other(root)
    assert read(other(root), read_snapshot(root).study_id, experiment="mine").trials
    assert b"hunter2" not in (root / "study.db").read_bytes()
    assert MlflowClient(usual(root)).get_experiment_by_name("archfront") is None


def test_it_is_refused_while_a_driver_holds_the_study(root: Path) -> None:
    store = take(root)
    with pytest.raises(StudyError, match="is being run by pid"):
        sync(root)
    store.close()


def test_a_server_that_is_away_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.tracking.sending.PAUSES_S", ())
    with held(root) as num_waiting:
        pass
    with pytest.raises(ArchfrontError, match="refuses connections") as error:
        sync_by_process(root, uri="http://127.0.0.1:9", everything=True)
    assert "events are left" in error.value.hint
    with held(root) as still_waiting:
        assert still_waiting == num_waiting


@contextmanager
def held(root: Path) -> Iterator[int]:
    """How many events wait."""
    store = take(root)
    try:
        yield store.num_unacknowledged
    finally:
        store.close()


def test_a_study_in_remote_storage_is_sent_where_its_driver_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command is given a copy of such a study, and beside that no search has put a database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url = (tmp_path / "shared" / "simulated").as_uri()
    there = Place.of_study(url).root
    store = open_study(there, config_of(tmp_path, STUDY, *SMALL), url=url)
    note_address(store, uri=usual(there), experiment="any")
    store.close()
    copy = open_directory(url)
    assert copy != there
    told: list[Mapping[str, Any]] = []

    class Sender:
        def __init__(self, settings: Mapping[str, Any]) -> None:
            told.append(settings)

        def send(self, entries: Sequence[OutboxEntry]) -> list[str]:
            assert entries
            return []

        def end(self) -> None: ...

    sent = sync_by_process(copy, everything=True, connect=Sender)
    assert sent.place == usual(there)
    assert [(one["uri"], one["directory"]) for one in told] == [(usual(there), str(there))]
