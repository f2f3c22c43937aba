"""A study whose files are taken away, or whose machine's clock is set, while its driver runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import StorageError, StudyError
from orchestrator.failpoints import FailpointReached
from orchestrator.store.database import Database
from orchestrator.store.opening import take
from orchestrator.store.repair import repair
from tests.simulation import Simulation, config_of


@pytest.fixture
def half(tmp_path: Path) -> Simulation:
    """A study of which half is over."""
    simulation = Simulation(tmp_path / "study", config_of(tmp_path))
    simulation.run(until=lambda: len(simulation.store.records) == 8)
    return simulation


TAKE_AWAY: dict[str, Callable[[Path], object]] = {
    "removed": lambda root: (root / "study.db").unlink(),
    "moved with its folder": lambda root: root.rename(root.with_name("elsewhere")),
    "replaced": lambda root: (
        shutil.copy(root / "study.db", root / "copy"),
        (root / "copy").replace(root / "study.db"),
    ),
}


@pytest.mark.parametrize("how", TAKE_AWAY)
def test_nothing_is_acknowledged_into_a_database_that_no_path_leads_to(half: Simulation, how: str) -> None:
    """SQLite itself would go on, and what it takes would be gone with the process."""
    TAKE_AWAY[how](half.store.paths.root)
    with pytest.raises(StorageError, match="was moved, removed or replaced while this driver wrote into it"):
        half.run()
    half.store.close()


def test_a_study_whose_database_was_removed_goes_on_after_its_repair(half: Simulation) -> None:
    before = dict(half.store.records)
    root = half.store.paths.root
    for file in root.glob("study.db*"):
        file.unlink()
    half.store.close()
    repair(root, takeover=True)  # its driver, this process, lives
    store = take(root)
    try:
        assert {number: record.reports for number, record in store.records.items()} == {
            number: record.reports for number, record in before.items()
        }
    finally:
        store.close()


@pytest.mark.parametrize("folder", ["trials/00000", "trials", "owner"])
def test_a_folder_that_is_removed_while_the_study_runs_costs_no_trial(half: Simulation, folder: str) -> None:
    root = half.store.paths.root
    shutil.rmtree(root / folder)
    half.run()
    expected = {number: record.state for number, record in half.store.records.items()}
    ended = [number for number, state in expected.items() if state.is_end]
    assert len(ended) > 20
    half.store.close()
    store = take(root)
    store.complete_files()
    store.close()
    assert {number: record.state for number, record in store.records.items()} == expected
    assert all((root / "trials" / f"{number:05d}" / "final.json").exists() for number in ended)


def test_what_a_power_cut_tore_of_the_epochs_is_made_good_from_the_database(half: Simulation) -> None:
    """Epochs beside study.db are not synced: a file system may give back zeros in their place."""
    (trial,) = [number for number, record in half.store.records.items() if not record.state.is_end and record.reports][
        :1
    ]
    path = half.store.paths.trial(trial).reports
    whole = path.read_bytes()
    half.store.close()
    path.write_bytes(whole[:-20] + bytes(4096))
    store = take(half.store.paths.root)
    store.complete_files()
    store.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("jump_s", [86_400.0, -86_400.0, 5.0])
def test_a_clock_that_is_set_makes_no_living_driver_look_dead(
    half: Simulation, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    """The kernel tells the time of boot by the clock of today, and so when a process was started."""
    true = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: true + jump_s)
    with pytest.raises(StudyError, match="is being run by pid"):
        take(half.store.paths.root)
    half.store.close()


def test_a_repair_that_is_killed_between_two_databases_loses_nothing_that_the_old_one_knew(
    half: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one alone knows the end of a trial whose file is damaged; it is aside, and the new one is not there."""
    store, root = half.store, half.store.paths.root
    ended = next(number for number, record in store.records.items() if record.state.is_end)
    shutil.copy(backup_of(root), tmp_path / "older.db")
    half.run()
    states = {number: record.state for number, record in store.records.items()}
    store.close()
    for file in root.glob("study.db*"):
        file.unlink()
    shutil.copy(tmp_path / "older.db", root / "study.db")
    for path in (store.paths.trial(ended).final, store.paths.trial(ended).start):
        path.write_text("damaged")
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.store.repair.put_once", _be_killed)
        with pytest.raises(FailpointReached):
            repair(root, takeover=True)
    assert not (root / "study.db").exists()
    done = repair(root)
    assert done is not None
    assert {record.number: record.state for record in done.records} == states


def test_a_repair_that_is_killed_while_it_puts_the_old_database_aside_leaves_its_journal_beside_it(
    half: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a driver that was killed: what it committed last is in the journal alone, and here one end nowhere else."""
    root = half.store.paths.root
    dead = Path(shutil.copytree(root, root.with_name("dead")))
    ended = next(number for number, record in half.store.records.items() if record.state.is_end)
    half.run()
    half.store.close()
    shutil.copytree(root / "trials", dead / "trials", dirs_exist_ok=True)
    for name in ("trial.json", "final.json"):
        (dead / "trials" / f"{ended:05d}" / name).write_text("damaged")
    rename = Path.rename

    def rename_and_be_killed(path: Path, to: Path) -> Path:
        renamed = rename(path, to)
        if path.name == "study.db":
            raise FailpointReached("repair")
        return renamed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_and_be_killed)
        with pytest.raises(FailpointReached):
            repair(dead, takeover=True)
    done = repair(dead)
    assert done is not None
    assert {record.number: record.state for record in done.records} == {
        number: record.state for number, record in half.store.records.items()
    }
    assert not (dead / "study.db-wal").exists()


def backup_of(root: Path) -> Path:
    """A whole copy of a database that is in use, as a backup makes it."""
    to = root.with_name("backup.db")
    database = Database.open_for_reading(root / "study.db")
    database.copy_to(to)
    database.close()
    return to


def _be_killed(_path: Path, _content: bytes) -> None:
    raise FailpointReached("repair")
