"""A study in an Optuna storage: what optuna and optuna-dashboard read of it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import optuna
import pytest

from orchestrator.errors import BadInputError
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import StudySnapshot, TrialState
from orchestrator.store.reading import StudyLog, read_log, read_snapshot
from orchestrator.suggest.distributions import from_params
from orchestrator.suggest.optuna_storage import shown, write_storage
from tests.simulation import STUDY, Simulation, config_of

Read = tuple[StudyLog, StudySnapshot]

OVERRIDES = ("budget.trials=14", 'study.sampler="random"', 'constraints.accuracy=">= 0.9"')


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    folder = tmp_path_factory.mktemp("optuna")
    one = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY, *OVERRIDES))
    one.run(until=lambda: sum(record.state.is_end for record in one.store.records.values()) >= 12)
    yield one
    one.store.close()


@pytest.fixture(scope="module")
def read(simulation: Simulation) -> Read:
    root = simulation.store.paths.root
    return read_log(root), read_snapshot(root)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, read: Read) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('storage')}/optuna.db"
    assert write_storage(*read, url) == len(read[1].records)
    return url


@pytest.fixture(scope="module")
def written(url: str) -> optuna.Study:
    return optuna.load_study(study_name="simulated", storage=url)


def test_trials_keep_their_numbers_states_and_curves(written: optuna.Study, read: Read) -> None:
    states = {TrialState.COMPLETED: "COMPLETE", TrialState.PRUNED: "PRUNED", TrialState.RUNNING: "RUNNING"}
    assert {record.state for record in read[1].records} >= {TrialState.COMPLETED, TrialState.PRUNED}
    for record, trial in zip(read[1].records, written.trials, strict=True):
        assert trial.number == record.number
        assert trial.state.name == states[record.state]
        assert trial.intermediate_values == {report.epoch: report.accuracy for report in record.reports}
        assert trial.datetime_start is not None
        assert (trial.datetime_complete is not None) == record.state.is_end


def test_parameters_are_the_points_that_were_searched(
    written: optuna.Study, read: Read, simulation: Simulation
) -> None:
    log, snapshot = read
    for record, trial in zip(snapshot.records, written.trials, strict=True):
        assert from_params(trial.params, simulation.config.space) == log.asks[log.ask_of[record.number]].point


def test_values_are_named_and_latency_is_the_predicted_one(written: optuna.Study, read: Read) -> None:
    names = [one.name for one in read[1].objectives]
    assert written.metric_names == names
    assert [direction.name.lower() for direction in written.directions] == [one.direction for one in read[1].objectives]
    for record, trial in zip(read[1].records, written.trials, strict=True):
        if record.state is TrialState.COMPLETED:
            assert dict(zip(names, trial.values, strict=True))[LATENCY_MS] == record.predicted_latency_ms


def test_a_broken_limit_is_a_broken_constraint(written: optuna.Study, read: Read) -> None:
    limits = {limit.name: limit for limit in read[1].constraints}
    assert list(limits) == ["accuracy"]
    for record, trial in zip(read[1].records, written.trials, strict=True):
        if record.accuracy is not None:
            assert (trial.constraints["accuracy"] > 0) == (record.accuracy < limits["accuracy"].bound)


def test_writing_again_replaces_what_was_written(url: str, read: Read) -> None:
    write_storage(*read, url)
    assert optuna.get_all_study_names(url) == ["simulated"]
    assert len(optuna.load_study(study_name="simulated", storage=url).trials) == len(read[1].records)


def test_a_study_of_somebody_else_is_left_alone(tmp_path: Path, read: Read) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db"
    optuna.create_study(study_name="simulated", storage=url).add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(BadInputError, match="holds another study called simulated"):
        write_storage(*read, url)
    assert len(optuna.load_study(study_name="simulated", storage=url).trials) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("optuna.db", "is no address of a database"),
        ("http://localhost/x", "is no address of a database"),
        ("sqlite:////no/such/folder/optuna.db", "there is no folder /no/such/folder"),
    ],
)
def test_an_address_that_is_none_is_bad_input(url: str, words: str, read: Read) -> None:
    with pytest.raises(BadInputError, match=words):
        write_storage(*read, url)


def test_a_database_that_is_not_optunas_is_left_as_it_is(tmp_path: Path, simulation: Simulation, read: Read) -> None:
    noise = tmp_path / "noise.db"
    noise.write_bytes(bytes(range(256)) * 8)
    for file, words in ((simulation.store.paths.database, "of something else"), (noise, "is no database")):
        before = file.read_bytes()
        with pytest.raises(BadInputError, match=words):
            write_storage(*read, f"sqlite:///{file}")
        assert file.read_bytes() == before


def test_a_database_that_cannot_be_made_is_bad_input(read: Read) -> None:
    with pytest.raises(BadInputError, match="unable to open database file"):
        write_storage(*read, "sqlite:////proc/optuna.db")


def test_no_message_shows_a_password() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://host/db"


def test_optuna_dashboard_shows_the_objectives_by_name_and_every_trial(url: str, read: Read) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the dashboard's own
        from optuna_dashboard import wsgi

        dashboard = wsgi(url)
        (summary,) = _get(dashboard, "/api/studies")["study_summaries"]
        detail = _get(dashboard, f"/api/studies/{summary['study_id']}")
    assert summary["study_name"] == "simulated"
    assert detail["objective_names"] == [one.name for one in read[1].objectives]
    assert len(detail["trials"]) == len(read[1].records)
    best = {trial["number"] for trial in detail["best_trials"]}
    assert best
    first = next(trial for trial in detail["trials"] if trial["state"] == "Complete")
    assert len(first["intermediate_values"]) == 8
    assert len(first["constraints"]) == 1


def _get(dashboard: Any, path: str) -> Any:
    """A page of the dashboard, asked for within this process."""
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
        "wsgi.errors": BytesIO(),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(dashboard(environ, lambda line, _headers, _error=None: status.append(line)))
    assert status[0].startswith("200"), body
    return json.loads(body)
