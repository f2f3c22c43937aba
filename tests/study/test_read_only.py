"""A storage that can't be written is named before anything is computed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.store.reading import read_snapshot
from orchestrator.study.preparation import open_study
from tests.simulation import STUDY, Simulation, config_of


@pytest.mark.parametrize("is_there", [False, True], ids=["new study", "study that is there"])
def test_a_read_only_disk_is_named(disk: Path, tmp_path: Path, is_there: bool) -> None:
    config = config_of(tmp_path)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    if is_there:
        open_study(disk / "study", config).close()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageError, match=f"{disk}/study: can't be written: Read-only file system") as caught:
        open_study(disk / "study", config)
    assert caught.value.exit_code == 4
    assert "--storage" in caught.value.hint


def test_a_study_on_a_read_only_disk_can_be_read(disk: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, STUDY, "budget.trials=2")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    simulation = Simulation(disk / "study", config)
    simulation.run()
    simulation.store.close()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert len(read_snapshot(disk / "study").records) == 2


def test_a_folder_that_can_not_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match=f"{tmp_path}/runs/study: can't be written: Not a directory"):
        open_study(tmp_path / "runs" / "study", config_of(tmp_path))


def test_a_storage_that_vanishes_under_a_study_is_named(tmp_path: Path) -> None:
    store = open_study(tmp_path / "runs" / "study", config_of(tmp_path))
    (tmp_path / "runs").rename(tmp_path / "gone")
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match=f"{tmp_path}/runs/study"):
        open_study(tmp_path / "runs" / "study", config_of(tmp_path))
    store.close()
