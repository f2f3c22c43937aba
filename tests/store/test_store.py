from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import StorageError, StudyError
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.storage import broken_files, write_folder
from orchestrator.store import reading
from orchestrator.store.database import Database
from orchestrator.store.messages import MessageKind, WorkerResult, write_result
from orchestrator.store.opening import take
from orchestrator.store.reading import read_snapshot
from orchestrator.store.rows import Ask, Attempt, read_asks
from orchestrator.suggest.stored import StoredResult
from tests.simulation import Simulation, config_of, open_store


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path / "study", config_of(tmp_path))


def test_what_was_committed_is_there_after_the_driver_is_gone(simulation: Simulation) -> None:
    simulation.run(until=lambda: len(simulation.store.records) == 8)
    records, asks = dict(simulation.store.records), list(simulation.store.asks)
    simulation.store.close()
    again = take(simulation.store.paths.root)
    assert again.records == records
    assert again.asks == asks


def test_every_end_has_a_second_copy_with_its_token(simulation: Simulation) -> None:
    attempts = [simulation.proposals.next() for _ in range(3)]
    ends = [
        WorkerResult(state=TrialState.COMPLETED, accuracy=0.9, loss=0.3),
        WorkerResult(state=TrialState.FAILED, cause=Cause.DIVERGED, message="loss nan at step 3"),
        WorkerResult(state=TrialState.INFEASIBLE, cause=Cause.OUT_OF_MEMORY, message="3 GB"),
    ]
    for attempt, result in zip(attempts, ends, strict=True):
        assert attempt is not None
        simulation.receive(attempt, MessageKind.END, result=result)
        final = json.loads(simulation.store.paths.trial(attempt.trial).final.read_text())
        assert (final["state"], final["cause"], final["token"]) == (result.state, result.cause, attempt.token)


def test_a_snapshot_reads_the_same_while_the_driver_writes(simulation: Simulation) -> None:
    simulation.run(until=lambda: len(simulation.store.records) == 5)
    snapshot = read_snapshot(simulation.store.paths.root)
    assert snapshot.records == tuple(simulation.store.records.values())
    assert snapshot.objectives == simulation.config.objectives


def test_a_second_driver_is_refused_and_told_who_holds_the_study(simulation: Simulation) -> None:
    with pytest.raises(StudyError, match="is being run by pid"):
        take(simulation.store.paths.root)


def test_the_study_of_a_dead_driver_can_be_taken(tmp_path: Path) -> None:
    config_of(tmp_path)
    program = (
        "import sys; from pathlib import Path; from tests.simulation import config_of, open_store;"
        f"open_store(Path({str(tmp_path / 'study')!r}), config_of(Path({str(tmp_path)!r}))); import os; os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert take(tmp_path / "study").owner_epoch == 2


def test_a_deposed_driver_writes_nothing(simulation: Simulation) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    newer = take(simulation.store.paths.root, takeover=True)
    with pytest.raises(StudyError, match="another driver has taken"):
        simulation.advance(attempt)
    assert read_snapshot(newer.paths.root).records[attempt.trial].reports == ()
    assert newer.pending(100)[-1].kind == "trial_started"


def reused(simulation: Simulation, attempt: Attempt) -> tuple[Ask, TrialRecord]:
    """The trial of an attempt as if another study had trained its network."""
    record = simulation.store.records[attempt.trial]
    result = StoredResult(source="trial 3 of other", model="", accuracy=0.9, loss=0.3, wall_time_s=1.0, reports=())
    return simulation.store.asks[-1], result.taken_for(record)


def test_a_deposed_driver_puts_no_network_in_the_place_of_its_successors(
    simulation: Simulation, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    write_folder(source, lambda folder: (folder / "weights").write_text("of the deposed") and None)
    deposed = simulation.store
    successor = Simulation(tmp_path / "study", simulation.config, store=take(deposed.paths.root, takeover=True))
    attempt = successor.proposals.next()
    assert attempt is not None
    model = deposed.paths.trial(attempt.trial).model
    write_folder(model, lambda folder: (folder / "weights").write_text("of its successor") and None)
    with pytest.raises(StudyError, match="another driver has taken"):
        deposed.reuse(*reused(successor, attempt), model=source)
    assert (model / "weights").read_text() == "of its successor"


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_network_that_is_taken_over_is_there_whole_or_not_at_all(
    simulation: Simulation, tmp_path: Path, *, is_damaged: bool
) -> None:
    (tmp_path / "other").mkdir()
    other = Simulation(tmp_path / "other" / "study", config_of(tmp_path / "other"))
    attempt = other.proposals.next()
    assert attempt is not None
    ask, record = reused(other, attempt)
    model = simulation.store.paths.trial(record.number).model
    write_folder(model, lambda folder: (folder / "old").write_text("of a session that was killed") and None)
    write_folder(tmp_path / "source", lambda folder: (folder / "weights").write_text("trained") and None)
    if is_damaged:
        (tmp_path / "source" / "weights").write_text("trailed")
    simulation.store.reuse(ask, record, model=tmp_path / "source")
    assert simulation.store.records[record.number].accuracy == 0.9
    assert model.exists() is not is_damaged
    assert is_damaged or (model / "weights").read_text() == "trained"
    assert is_damaged or broken_files(model) == ()


def test_a_trial_that_begins_has_no_network_that_a_killed_session_took_over(simulation: Simulation) -> None:
    model = simulation.store.paths.trial(0).model
    write_folder(model, lambda folder: (folder / "weights").write_text("of another network") and None)
    attempt = simulation.proposals.next()
    assert attempt is not None
    assert attempt.trial == 0
    assert not model.exists()


def test_what_a_reader_is_given_is_of_one_moment(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver commits between any two of its looks."""

    def read_asks_then_wait(database: Database) -> list[Ask]:
        asks = read_asks(database)
        assert simulation.proposals.next() is not None
        return asks

    monkeypatch.setattr(reading, "read_asks", read_asks_then_wait)
    log = reading.read_log(simulation.store.paths.root)
    assert len(simulation.store.records) == 1
    assert len(log.asks) == len(log.ask_of) == len(log.records) == 0


def test_a_driver_that_could_not_begin_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may live on, as in a notebook, and be told to try again when there is room."""
    open_store(tmp_path / "study", config_of(tmp_path)).close()

    def fail(*_: object, **__: object) -> None:
        raise StorageError("no room")

    for place in ("orchestrator.store.opening.become_owner", "orchestrator.store.store.Copies.complete"):
        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            with pytest.raises(StorageError, match="no room"):
                take(tmp_path / "study")
    assert take(tmp_path / "study").owner_epoch == 4


def test_a_change_and_its_announcement_are_one_transaction(simulation: Simulation) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    before = len(simulation.store.pending(100))
    with contextlib.suppress(ZeroDivisionError), simulation.store._database.transaction() as connection:
        connection.execute("INSERT INTO outbox (kind, payload) VALUES ('x', '{}')")
        raise ZeroDivisionError
    assert len(simulation.store.pending(100)) == before
    simulation.advance(attempt)
    assert [entry.kind for entry in simulation.store.pending(100)][before:] == ["epoch_reported"]


def test_acknowledged_rows_leave_the_outbox(simulation: Simulation) -> None:
    simulation.run(until=lambda: len(simulation.store.records) == 3)
    rows = simulation.store.pending(4)
    simulation.store.acknowledge([row.seq for row in rows])
    assert not {row.seq for row in rows} & {row.seq for row in simulation.store.pending(100)}


def test_a_result_nobody_heard_of_is_adopted_by_the_next_driver(simulation: Simulation, tmp_path: Path) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    result = WorkerResult(state=TrialState.COMPLETED, accuracy=0.75, loss=0.5, wall_time_s=3.0)
    path = simulation.store.paths.trial(attempt.trial).result
    write_result(path, token=attempt.token, result=result)
    simulation.store.close()
    resumed = Simulation(tmp_path / "study", simulation.config)
    resumed.referee.adopt()
    assert resumed.store.records[attempt.trial].accuracy == 0.75
    assert resumed.store.lost_trials() == []


NO_ENDS = [
    {"state": "?"},
    {"state": "RUNNING", "cause": None},
    {"state": "COMPLETED", "cause": None, "accuracy": 8.75},
    {"state": "COMPLETED", "cause": None, "accuracy": "0.75"},
]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"token": 1}', *(json.dumps({"token": "TOKEN", "result": one}) for one in NO_ENDS)]
)
def test_a_torn_result_is_not_adopted(simulation: Simulation, content: str) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    path = simulation.store.paths.trial(attempt.trial).result
    path.write_text(content.replace("TOKEN", attempt.token))
    simulation.store.end_attempt(attempt.trial, "worker_died")
    simulation.referee.adopt()
    assert simulation.store.records[attempt.trial].state is TrialState.RUNNING


def test_a_newer_schema_is_refused(simulation: Simulation) -> None:
    with simulation.store._database.transaction() as connection:
        connection.execute("UPDATE study SET schema_version = 99")
    simulation.store.close()
    with pytest.raises(StudyError, match="newer archfront"):
        take(simulation.store.paths.root)
    with pytest.raises(StudyError, match="newer archfront"):
        read_snapshot(simulation.store.paths.root)


def test_no_database_is_named_as_such(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    open_store(tmp_path / "studies" / "there", config).close()
    with pytest.raises(StudyError, match=r"no study; .* holds: there"):
        read_snapshot(tmp_path / "studies" / "absent")
    (tmp_path / "studies" / "there" / "study.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="can't be read"):
        read_snapshot(tmp_path / "studies" / "there")


def test_a_moved_study_works(simulation: Simulation, tmp_path: Path) -> None:
    simulation.run(until=lambda: len(simulation.store.records) == 4)
    simulation.store.close()
    moved = (tmp_path / "study").rename(tmp_path / "ein anderer Ort ☃")
    resumed = Simulation(moved, simulation.config)
    resumed.run()
    assert len(resumed.store.records) == simulation.config.budget.trials
