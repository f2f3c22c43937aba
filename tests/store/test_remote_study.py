"""A study in remote storage: what its driver has acknowledged is there, and a deposed one writes nothing."""

from __future__ import annotations

import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InterruptedStudyError, StorageError, StudyError
from orchestrator.records import TrialState
from orchestrator.storage.remote import Remote, open_remote
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store import home
from orchestrator.store.history import History, rebuild
from orchestrator.store.home import RemoteHome
from orchestrator.store.lease import claim, news_since
from orchestrator.store.messages import WorkerResult, write_result
from orchestrator.store.opening import take
from orchestrator.store.reading import read_log, read_snapshot
from orchestrator.store.remote_study import create_remote, open_directory, take_remote
from orchestrator.store.segments import Position
from orchestrator.store.store import StudyStore
from orchestrator.study.preparation import open_study
from tests.s3_server import S3Server, s3_server
from tests.simulation import STUDY, Simulation, config_of
from tests.store.contenders import FROZEN, Contender


class Killed(BaseException):
    """The driver is gone at this moment."""


@dataclass
class Faulty:
    """A storage that does not take what has such a name."""

    remote: Remote
    refuses: str
    error: BaseException
    refused: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.remote, name)

    def put_once(self, name: str, content: bytes) -> bool:
        if name.startswith(self.refuses):
            self.refused.append(name)
            raise self.error
        return self.remote.put_once(name, content)


_opened: list[StudyStore] = []


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a study in a shared folder; this machine's own folders lie beside it. No thread of its drivers is left."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield (tmp_path / "shared" / "simulated").as_uri()
    while _opened:
        _opened.pop()._home.stop()


@pytest.fixture
def simulation(url: str, tmp_path: Path) -> Simulation:
    return simulated(url, tmp_path, "one")


def simulated(url: str, folder: Path, machine: str) -> Simulation:
    """A driver on a machine of its own, which takes the study from whoever had it."""
    config = config_of(folder, STUDY)
    store = open_study(folder / machine, config, url=url, takeover=machine != "one")
    _opened.append(store)
    return Simulation(folder / machine, config, store=store)


def fail(store: StudyStore, refuses: str, error: BaseException) -> None:
    """From now on the store's storage does not take segments, say."""
    assert store._database.log is not None
    store._database.log._remote = Faulty(store._database.log._remote, refuses, error)  # type: ignore[assignment]


def test_another_machine_finds_what_the_first_one_left(simulation: Simulation, url: str, tmp_path: Path) -> None:
    simulation.run(until=lambda: len(simulation.store.records) >= 6)
    simulation.store.close()
    other = simulated(url, tmp_path, "two")
    assert other.store.records == simulation.store.records
    assert other.store.asks == simulation.store.asks
    other.run(until=lambda: len(other.store.records) >= 9)
    other.store.close()
    assert read_snapshot(open_directory(url)).records == tuple(other.store.records.values())


def test_all_that_was_acknowledged_is_there_when_a_driver_is_lost_with_its_machine(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    simulation.run(until=lambda: len(simulation.store.records) >= 6)
    lost = simulation.store
    lost._home.stop()  # as the end of the process does, in the middle of everything
    ends = {number: record for number, record in lost.records.items() if record.state.is_end}
    found = simulated(url, tmp_path, "two").store
    assert found.records.keys() == lost.records.keys()
    assert {number: found.records[number] for number in ends} == ends
    for number, record in found.records.items():
        missing = len(lost.records[number].reports) - len(record.reports)
        assert missing in (0, 1)  # the last one, which the trial's checkpoint tells again
        assert record.reports == lost.records[number].reports[: len(record.reports)]


def test_a_commit_without_its_segment_was_never_acknowledged_and_never_was(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    store = simulation.store
    store.set_constants({"number": 1})
    store._home.stop()
    fail(store, "events/", Killed())
    with pytest.raises(Killed):
        store.set_constants({"number": 2})
    assert store.constants == {"number": 1}  # nobody was told
    assert store._database.rows("SELECT constants FROM study")[0]["constants"] == '{"number": 2}'
    other = simulated(url, tmp_path, "two")
    assert other.store.constants == {"number": 1}
    other.run(until=lambda: len(other.store.records) >= 3)
    assert list(other.store.records) == list(range(len(other.store.records)))


@pytest.mark.parametrize("arrives", [True, False])
def test_an_interrupt_while_a_segment_is_put_loses_nothing_and_gives_the_study_back(
    simulation: Simulation, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, arrives: bool
) -> None:
    """Nobody knows whether it arrived: Ctrl-C raises wherever the driver is."""
    log = simulation.store._database.log
    assert log is not None
    put_once = log._remote.put_once

    def interrupted(name: str, content: bytes) -> bool:
        patch.undo()
        if arrives:
            put_once(name, content)
        raise InterruptedStudyError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(SharedFolder, "put_once", lambda _, name, content: interrupted(name, content))
        with pytest.raises(InterruptedStudyError):
            simulation.store.set_constants({"of": "this session"})
    simulation.store.announce([])
    simulation.store.close()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    store = open_study(tmp_path / "two", simulation.config, url=url)
    assert store.constants == {"of": "this session"}
    store.close()


def test_a_deposed_driver_replaces_no_file_of_its_successor(simulation: Simulation, url: str, tmp_path: Path) -> None:
    deposed, successor = simulation.store, simulated(url, tmp_path, "two").store
    for store, text in ((successor, "new"), (deposed, "old")):
        store.paths.report.write_text(text)
    deposed.add_wall_time(1.0)  # as before all publishing
    successor.put(successor.paths.report)
    with pytest.raises(StudyError, match="another driver has taken"):
        deposed.put(deposed.paths.report)
    assert open_remote(url).get("report.html") == b"new"
    deposed.close()
    successor.close()


def test_a_driver_hears_of_a_claim_without_a_seal_however_fast_it_writes(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "SHIP_S", 0.01)
    monkeypatch.setattr(home, "CLAIMS_S", 0.01)
    store = simulated(url, tmp_path, "one").store
    claim(open_remote(url), takeover=True)
    with pytest.raises(StudyError, match=r"another driver has taken this study over \(owner epoch 2\)"):
        _write_for_a_minute(store)


def _write_for_a_minute(store: StudyStore) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        store.set_constants({"number": 1})


def test_a_study_is_given_back_where_there_is_no_room_for_a_last_backup(
    simulation: Simulation, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation.store.set_constants({"of": "this session"})
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
        simulation.store.close()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    store = open_study(tmp_path / "two", simulation.config, url=url)
    assert store.constants == {"of": "this session"}
    store.close()


def test_a_storage_that_stays_away_ends_the_session_and_loses_nothing(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    simulation.run(until=lambda: len(simulation.store.records) >= 3)
    before = dict(simulation.store.records)
    simulation.store._database.log.ship()  # type: ignore[union-attr]
    fail(simulation.store, "events/", StorageError("s3://bucket/study: can't be reached"))
    with pytest.raises(StorageError, match="can't be reached"):
        simulation.store.set_constants({"later": 1})
    for _ in range(2):  # nothing more is committed that can't be acknowledged
        with pytest.raises(StorageError, match="can't be reached"):
            simulation.store.note("anything", {})
    simulation.store.close()
    again = simulated(url, tmp_path, "two").store
    assert again.records == before
    assert "later" not in again.constants


def test_a_result_that_nobody_heard_of_is_adopted_on_another_machine(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    result = WorkerResult(state=TrialState.COMPLETED, accuracy=0.9, loss=0.3)
    write_result(tmp_path / "result.json", token=attempt.token, result=result)
    open_remote(url).put(f"trials/{attempt.trial:05d}/result.json", tmp_path / "result.json")
    simulation.store._home.stop()
    other = simulated(url, tmp_path, "two")
    assert other.store.unheard_results() == [(attempt.trial, result)]


def test_a_damaged_backup_is_made_good_from_the_one_before_it(simulation: Simulation, url: str, tmp_path: Path) -> None:
    simulation.run(until=lambda: len(simulation.store.records) >= 4)
    simulation.store.close()
    remote, whole = open_remote(url), tmp_path / "whole.db"
    rebuild(remote, whole)
    newest = History.of(remote).backups[-1]
    remote.put(newest.backup, (remote.get(newest.backup) or b"")[:5000])
    position = rebuild(remote, tmp_path / "made.db")
    assert position == newest
    assert sorted(_dump(tmp_path / "made.db")) == sorted(_dump(whole))


def test_a_gap_in_the_history_is_told_and_not_skipped(simulation: Simulation, url: str, tmp_path: Path) -> None:
    for number in range(3):
        simulation.store.set_constants({"number": number})
    remote = open_remote(url)
    remote.delete([History.of(remote).segments[-2].segment])
    with pytest.raises(StorageError, match="the one before it is not"):
        rebuild(remote, tmp_path / "made.db")
    simulation.store._home.stop()


def test_what_backups_hold_is_removed_but_never_what_keeps_a_deposed_driver_out(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    simulation.store.close()
    for _ in range(3):
        store = simulated(url, tmp_path, "two").store
        store.set_constants({"epoch": store.owner_epoch})
        store.close()
    history = History.of(open_remote(url))
    assert len(history.backups) == 2
    assert [position.owner_epoch for position in history.segments if position.owner_epoch < 4] == [1, 2, 3]
    assert read_log(open_directory(url)).constants == {"epoch": 4}


def test_a_study_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises(StudyError, match="no study"):
        open_directory(url)
    with pytest.raises(StudyError, match="no study"):
        take_remote(url, Path("anywhere"))


def test_a_directory_of_this_machine_is_left_as_it_is_named(tmp_path: Path) -> None:
    assert open_directory("runs/digits") == Path("runs/digits")
    assert open_directory(str(tmp_path)) == tmp_path
    assert open_directory("~nobody-of-this-name/runs") == Path("~nobody-of-this-name/runs")


def test_a_copy_to_be_read_is_taken_where_the_study_lies(simulation: Simulation, url: str) -> None:
    simulation.store.close()
    copy = open_directory(url)
    store = take(copy)
    store.note("synced", {})
    with pytest.raises(StudyError, match="is being run by pid"):
        take(copy)
    store.close()
    assert read_log(open_directory(url)).events[-1].kind == "synced"


def test_a_shared_folder_can_be_named_by_its_path(simulation: Simulation, tmp_path: Path) -> None:
    simulation.store.close()
    assert read_snapshot(open_directory(str(tmp_path / "shared" / "simulated"))).name == "simulated"


def test_a_study_that_was_made_anew_at_an_address_finds_nothing_of_the_old_one(
    simulation: Simulation, url: str, tmp_path: Path
) -> None:
    simulation.run(until=lambda: len(simulation.store.records) >= 2)
    simulation.store.close()
    remote = open_remote(url)
    remote.delete(remote.names(""))
    again = open_study(tmp_path / "one", simulation.config, url=url)
    assert again.records == {}
    assert not (tmp_path / "one" / "trials").exists()
    again.close()


def test_a_driver_that_is_deposed_from_its_own_machine_is_told_so(simulation: Simulation, url: str) -> None:
    successor = open_study(simulation.store.paths.root, simulation.config, url=url, takeover=True)
    with pytest.raises(StudyError, match=r"another driver has taken this study over \(owner epoch 2\)"):
        simulation.store.set_constants({"of": "the deposed"})
    simulation.store.close()
    successor.set_constants({"of": "the successor"})
    successor.close()
    assert read_log(open_directory(url)).constants == {"of": "the successor"}


def test_other_settings_are_refused_with_the_difference(simulation: Simulation, url: str, tmp_path: Path) -> None:
    simulation.store.close()
    with pytest.raises(StudyError, match=r"recipe\.epochs") as error:
        open_study(tmp_path / "two", config_of(tmp_path, STUDY, "recipe.epochs=9"), url=url)
    assert url in error.value.message


class _Careless:
    """A store that ignores the condition of a put."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def put_once(self, name: str, content: bytes) -> bool:
        self._held[name] = content
        return True

    def put(self, name: str, content: bytes | Path) -> None:
        assert isinstance(content, bytes)
        self._held[name] = content

    def names(self, folder: str) -> list[str]:
        return [name for name in self._held if name.startswith(folder)]

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._held.pop(name, None)


def test_a_store_that_does_not_keep_two_creators_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.remote_study.open_remote", lambda *_, **__: _Careless())
    with pytest.raises(StorageError, match="nothing keeps two drivers apart"):
        create_remote("s3://bucket/study", name="any", frozen={}, frozen_hash="")


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.mark.integration
def test_of_two_machines_one_holds_a_study_and_a_takeover_deposes_it_in_fact(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    url, acknowledged = server.url("runs/raced"), tmp_path / "acknowledged"
    create_remote(url, name="raced", frozen=FROZEN, frozen_hash="same")
    with Contender("one", server.environment) as one, Contender("two", server.environment) as two:
        one.tell("take there", url, here=str(tmp_path / "one"))
        assert one.answer() == ""
        two.tell("take there", url, here=str(tmp_path / "two"))
        assert f"is being run by pid {one.pid} on host one since" in two.answer()
        one.tell("write on", url, acknowledged=str(acknowledged))
        _wait_until(acknowledged.exists)
        two.tell("take there", url, here=str(tmp_path / "two"), takeover=True)
        assert two.answer() == ""
        error = one.answer()
        assert "another driver has taken this study over (owner epoch 2)" in error
        number = int(acknowledged.read_text())
        remote = open_remote(url)
        before = remote.names("")
        for order in ("write", "close"):
            one.tell(order, url)
            one.answer()
        assert remote.names("") == before
        two.tell("write", url)
        assert two.answer() == ""
        two.tell("close", url)
        assert two.answer() == ""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert read_log(open_directory(url)).constants == {"number": number}


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_nothing_goes_on_after_a_study_is_given_back(simulation: Simulation) -> None:
    simulation.store.close()
    assert isinstance(simulation.store._home, RemoteHome)
    assert not simulation.store._home._thread.is_alive()


def test_workers_hear_of_a_request_to_stop_while_its_session_lasts(simulation: Simulation, url: str) -> None:
    store, remote = simulation.store, open_remote(url)
    store.paths.stop_request(store.owner_epoch).touch()
    _wait_until(lambda: news_since(remote, store.owner_epoch))
    store.close()
    assert not news_since(remote, store.owner_epoch)


def test_backups_are_made_while_a_session_lasts(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "BACKUP_S", 0.0)
    store = simulated(url, tmp_path, "one").store
    store.set_constants({"of": "this session"})
    _wait_until(lambda: History.of(open_remote(url)).backups[-1] >= Position(1, 2))
    store._home.stop()
    assert rebuild(open_remote(url), tmp_path / "made.db") == Position(1, 2)


def test_positions_without_a_driver_come_first() -> None:
    assert Position() < Position(1, 1) < Position(1, 2) < Position(2, 0)
