"""A study whose study.db is lost: what the files beside it give back, what not, and when nothing is touched."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import StorageError, StudyError
from orchestrator.records import Cause, EpochReport, Phases, Retraining, SeedResult, StudySnapshot, TrialState
from orchestrator.replay import replay_log
from orchestrator.selector import front
from orchestrator.store.messages import MessageKind, WorkerResult, write_result
from orchestrator.store.opening import take
from orchestrator.store.reading import read_log, read_snapshot
from orchestrator.store.repair import repair
from orchestrator.store.store import StudyStore
from tests.simulation import PREDICTIONS, STUDY, Simulation, config_of
from tests.synthetic import measured, scored

QUICK = ("study.sampler=random", "budget.trials=8", "constraints.num_parameters=<= 40k")
CONSTANTS = {"predictor": {"weights": [0.5, 1.25]}, "provenance": {"torch": "2.15.0"}}


def simulated(folder: Path, *, num_messages: int = 10_000, num_slots: int = 2) -> StudyStore:
    """A study that was stopped after so many messages; some of its finalists are confirmed."""
    simulation = Simulation(folder / "study", config_of(folder, STUDY, *QUICK))
    store = simulation.store
    store.set_constants(CONSTANTS)
    left = iter(range(num_messages))
    simulation.run(num_slots=num_slots, until=lambda: next(left, None) is None)
    for number, record in list(store.records.items()):
        if record.state is TrialState.COMPLETED and number % 2:
            store.score(number, latency=measured(0.5), test_score=scored(0.87)["test_score"])
            store.add_seed(number, SeedResult(seed=2, cause=Cause.DIVERGED, message="loss nan at step 3"))
            store.add_seed(number, SeedResult(seed=1, accuracy=0.86, loss=0.5, test_accuracy=0.85, wall_time_s=2.5))
            store.set_retrained(number, Retraining(test_score=scored(0.88)["test_score"], wall_time_s=3.5))
    store.add_wall_time(12.5)
    store.close()
    return store


def stored(root: Path) -> tuple[StudySnapshot, object]:
    """All of a study that a repair has to give back."""
    log = read_log(root)
    return read_snapshot(root), (log.constants, log.asks, log.ask_of)


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = random.Random(0).randbytes(len(content) - 4096)
    path.write_bytes(content)


def drop_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    for table in ("report", "attempt", "trial", "ask", "study"):
        connection.execute(f"DROP TABLE {table}")
    connection.commit()
    connection.close()


DAMAGES = [delete, empty, truncate, scribble, drop_tables]


@settings(max_examples=12)
@given(num_messages=st.integers(0, 40), num_slots=st.integers(1, 3), damage=st.sampled_from(DAMAGES))
def test_a_repaired_study_holds_every_trial_ask_and_figure(
    num_messages: int, num_slots: int, damage: Callable[[Path], None]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = simulated(Path(name), num_messages=num_messages, num_slots=num_slots)
        root = store.paths.root
        before = stored(root)
        damage(store.paths.database)
        repaired = repair(root)
        assert repaired is not None
        snapshot, (constants, asks, ask_of) = stored(root)
        num_kept = len(asks)
        assert all(ask.refusal for ask in before[1][1][num_kept:])
        assert replace(snapshot, num_refused={}) == replace(before[0], num_refused={})
        assert [list(record.architecture) for record in snapshot.records] == [
            list(record.architecture) for record in before[0].records
        ]  # people are shown fields in their order
        assert (constants, ask_of) == (before[1][0], before[1][2])
        assert asks == before[1][1][:num_kept]
        assert repaired.records == snapshot.records
        assert (repaired.kept_aside is not None) is (damage is not delete)


def test_the_search_goes_on_after_a_repair_and_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    undisturbed = Simulation(tmp_path / "one" / "study", config_of(tmp_path / "one", STUDY, *QUICK))
    undisturbed.run()
    store = simulated(tmp_path / "other", num_messages=13)
    store.paths.database.unlink()
    repair(store.paths.root)
    again = Simulation(store.paths.root, config_of(tmp_path / "other", STUDY, *QUICK))
    assert again.store.lost_trials() == sorted(
        number for number, record in store.records.items() if record.state is TrialState.RUNNING
    )
    again.run()
    assert [ask.point for ask in again.store.asks] == [ask.point for ask in undisturbed.store.asks]
    ends = [
        [(record.state, record.accuracy, record.message) for record in study.store.records.values()]
        for study in (again, undisturbed)
    ]
    assert ends[0] == ends[1]


def test_a_whole_study_is_left_alone(tmp_path: Path) -> None:
    store = simulated(tmp_path)
    before = contents(store.paths.root)
    assert repair(store.paths.root) is None
    assert contents(store.paths.root) == before


def test_states_of_every_kind_come_back_and_the_front_with_them(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, *QUICK))
    failed, pruned, impossible = (simulation.proposals.next() for _ in range(3))
    assert failed is not None
    assert pruned is not None
    assert impossible is not None
    failure = WorkerResult(state=TrialState.FAILED, cause=Cause.DIVERGED, message="loss nan at step 3")
    simulation.receive(failed, MessageKind.END, result=failure)
    report = EpochReport(epoch=1, accuracy=0.5, loss=1.0, train_loss=1.5, wall_time_s=2.5, phases=Phases(data_s=0.5))
    simulation.store.report(pruned.trial, report, prune="it can't reach the front", decision={"predicted": 0.625})
    too_large = WorkerResult(state=TrialState.INFEASIBLE, cause=Cause.OUT_OF_MEMORY, message="3 GB")
    simulation.receive(impossible, MessageKind.END, result=too_large)
    simulation.store.close()
    store = simulated(tmp_path)
    snapshot = read_snapshot(store.paths.root)
    states = {record.state for record in snapshot.records}
    assert states == {TrialState.COMPLETED, TrialState.PRUNED, TrialState.FAILED, TrialState.INFEASIBLE}
    assert any(record.test_score and record.latency for record in snapshot.records)
    store.paths.database.unlink()
    repair(store.paths.root)
    again = read_snapshot(store.paths.root)
    assert again == snapshot
    assert again.wall_time_s == 12.5
    assert front(again.records, again.objectives, again.constraints)


def test_a_backup_that_is_older_than_the_folders_is_replaced_and_kept_aside(tmp_path: Path) -> None:
    store = simulated(tmp_path, num_messages=8)
    backup = store.paths.database.read_bytes()
    later = Simulation(store.paths.root, config_of(tmp_path, STUDY, *QUICK))
    later.run()
    later.store.close()
    newest = read_snapshot(store.paths.root)
    store.paths.database.write_bytes(backup)
    repaired = repair(store.paths.root)
    assert repaired is not None
    assert "older than the folder of trial" in repaired.reason
    assert repaired.records == newest.records
    assert repaired.kept_aside is not None
    assert repaired.kept_aside.read_bytes() == backup


def test_a_database_of_another_study_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    store, other = simulated(tmp_path, num_messages=8), simulated(tmp_path / "other", num_messages=12)
    before = read_snapshot(store.paths.root)
    shutil.copy(other.paths.database, store.paths.database)
    repaired = repair(store.paths.root)
    assert repaired is not None
    assert "of another study" in repaired.reason
    assert repaired.records == before.records


def test_it_is_refused_while_a_driver_may_be_alive(tmp_path: Path) -> None:
    config_of(tmp_path, STUDY, *QUICK)
    program = (
        "import sys; from pathlib import Path; from tests.simulation import STUDY, config_of, open_store;"
        f"store = open_store(Path({str(tmp_path / 'study')!r}), config_of(Path({str(tmp_path)!r})));"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdout.readline()
        (tmp_path / "study" / "study.db").unlink()
        with pytest.raises(StudyError, match=f"run by pid {driver.pid} on host .* since 20"):
            repair(tmp_path / "study")
        assert not (tmp_path / "study" / "study.db").exists()
        driver.stdin.close()
        driver.wait()
    assert repair(tmp_path / "study") is not None


def test_a_result_that_no_driver_has_heard_of_ends_its_trial(tmp_path: Path) -> None:
    store = simulated(tmp_path, num_messages=4)
    running = [number for number, record in store.records.items() if record.state is TrialState.RUNNING]
    tokens = [json.loads(store.paths.trial(number).start.read_text())["attempts"][-1]["token"] for number in running]
    results = [
        WorkerResult(state=TrialState.COMPLETED, accuracy=0.75, loss=0.5, wall_time_s=3.0),
        WorkerResult(state=TrialState.COMPLETED, accuracy=7.5),
    ]
    for number, token, result in zip(running, tokens, results, strict=True):
        write_result(store.paths.trial(number).result, token=token, result=result)
    store.paths.database.unlink()
    repaired = repair(store.paths.root)
    assert repaired is not None
    assert repaired.records[running[0]].accuracy == 0.75
    assert repaired.records[running[1]].state is TrialState.RUNNING


def test_workers_that_died_are_counted_on(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, *QUICK))
    for _ in range(2):
        attempt = simulation.proposals.next()
        assert attempt is not None
        simulation.receive(attempt, MessageKind.LOST, detail="killed")
    simulation.store.close()
    simulation.store.paths.database.unlink()
    repair(tmp_path / "study")
    again = Simulation(tmp_path / "study", simulation.config)
    assert again.store.deaths(0) == [Cause.WORKER_DIED] * 2
    attempt = again.proposals.next()
    assert attempt is not None
    again.receive(attempt, MessageKind.LOST, detail="killed")
    assert again.store.records[0].cause is Cause.WORKER_DIED


def test_a_trial_whose_end_is_damaged_is_trained_again_and_that_is_said(tmp_path: Path) -> None:
    store = simulated(tmp_path)
    final = store.paths.trial(2).final
    final.write_text(final.read_text().replace('"state": "', '"state": "X', 1))
    store.paths.database.unlink()
    repaired = repair(store.paths.root)
    assert repaired is not None
    assert [record.number for record in repaired.records if not record.state.is_end] == [2]
    assert any("the end of trial 2" in loss for loss in repaired.losses)
    assert repaired.records[2].reports == store.records[2].reports


def test_the_last_trial_is_given_up_where_nothing_of_it_can_be_read(tmp_path: Path) -> None:
    store = simulated(tmp_path)
    last = store.paths.trial(7)
    last.start.write_text("{")
    last.final.unlink()
    store.paths.database.unlink()
    repaired = repair(store.paths.root)
    assert repaired is not None
    assert len(repaired.records) == 7
    assert any("trial 7: none of its files" in loss for loss in repaired.losses)
    assert not last.root.exists()
    assert len(list(store.paths.trials.glob("00007.broken-*"))) == 1


def test_a_gap_among_the_trials_is_refused_with_its_name(tmp_path: Path) -> None:
    store = simulated(tmp_path)
    shutil.rmtree(store.paths.trial(3).root)
    store.paths.database.unlink()
    with pytest.raises(StudyError, match=r"00003: none of its files .* up to 7"):
        repair(store.paths.root)
    assert not list(store.paths.root.glob("study.db*"))


def test_a_search_makes_no_new_database_over_the_trials_of_a_lost_one(tmp_path: Path) -> None:
    from orchestrator.study.preparation import open_study

    store = simulated(tmp_path)
    store.paths.database.unlink()
    with pytest.raises(StudyError, match=r"study\.db is gone") as error:
        open_study(store.paths.root, config_of(tmp_path, STUDY, *QUICK))
    assert "archfront repair" in error.value.hint
    with pytest.raises(StudyError, match=r"study\.db is gone"):
        read_snapshot(store.paths.root)


def test_a_damaged_page_is_no_traceback_but_leads_to_a_repair(tmp_path: Path) -> None:
    store = simulated(tmp_path)
    scribble(store.paths.database)
    for read in (read_snapshot, take):
        with pytest.raises(StorageError, match=r"study\.db: can't be read") as error:
            read(store.paths.root)
        assert "archfront repair" in error.value.hint


def test_a_repaired_study_says_that_nothing_can_be_derived_again(tmp_path: Path) -> None:
    from orchestrator.replay import replay

    store = simulated(tmp_path)
    log = read_log(store.paths.root)
    assert not replay_log(log, config_of(tmp_path, STUDY, *QUICK), PREDICTIONS).differences
    store.paths.database.unlink()
    repair(store.paths.root)
    with pytest.raises(StudyError, match="the log of what was decided before is lost"):
        replay(store.paths.root)


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_happens_to_the_files_a_repair_ends_with_the_truth_or_a_refusal(
    data: st.DataObject, damaged_study: Path
) -> None:
    """Bytes are changed in some files; what is restored as ended is as it was."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(shutil.copytree(damaged_study, Path(name) / "study"))
        before = read_snapshot(root)
        (root / "study.db").unlink()
        files = sorted(path for path in root.rglob("*.json*") if path.parent.name != "owner")
        for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=4)):
            content = bytearray(path.read_bytes())
            where = data.draw(st.integers(0, max(0, len(content) - 1)))
            content[where : where + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
            path.write_bytes(content)
        try:
            repaired = repair(root)
        except StudyError:
            return
        assert repaired is not None
        for record in repaired.records:
            if record.state.is_end:
                assert record == before.records[record.number]


@pytest.fixture(scope="module")
def damaged_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("whole")).paths.root


def test_the_folders_of_an_earlier_archfront_are_completed_when_the_study_is_taken(tmp_path: Path) -> None:
    """They held the suggestion and the figures of an end, and nothing else."""
    store = simulated(tmp_path)
    before = stored(store.paths.root)
    identity = json.loads(store.paths.frozen.read_text())
    store.paths.frozen.write_text(
        json.dumps({name: identity[name] for name in ("schema_version", "name", "frozen", "frozen_hash")})
    )
    for number, record in store.records.items():
        paths = store.paths.trial(number)
        paths.start.write_text(json.dumps({"number": number, "ask": asdict(store.asks[number])}))
        paths.final.write_text(json.dumps({"number": number, "state": record.state, "token": "a"}))
        paths.reports.unlink()
    store.paths.constants.unlink()
    take(store.paths.root).close()
    store.paths.database.unlink()
    repair(store.paths.root)
    assert replace(stored(store.paths.root)[0], num_refused={}) == replace(before[0], num_refused={})


def contents(root: Path) -> dict[str, bytes]:
    """All files but those that SQLite makes for a reader."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.read_bytes() for path in files}
