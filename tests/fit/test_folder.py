"""The folder of a training under way belongs to one process and to one set of settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import BadInputError, StorageError
from orchestrator.fit.folder import add_epoch, claimed, epochs, finished, work_folder
from orchestrator.records import EpochReport

FROZEN = {"recipe": {"epochs": 2}, "seed": 0}


def report(epoch: int) -> EpochReport:
    return EpochReport(epoch=epoch, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=float(epoch))


def test_it_lies_beside_what_it_becomes() -> None:
    assert work_folder(Path("a/b")) == Path("a/b.training")


def test_equal_settings_go_on(tmp_path: Path) -> None:
    for _ in range(2):
        with claimed(tmp_path / "x" / "work", FROZEN):
            pass


def test_other_settings_are_refused_with_their_differences(tmp_path: Path) -> None:
    with claimed(tmp_path / "work", FROZEN):
        pass
    with (
        pytest.raises(BadInputError, match=r"recipe\.epochs: 2 -> 3"),
        claimed(tmp_path / "work", {**FROZEN, "recipe": {"epochs": 3}}),
    ):
        pass


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "work", FROZEN),
        pytest.raises(BadInputError, match="another process"),
        claimed(tmp_path / "work", FROZEN),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match=r"file/work\.?.*: can't be written"),
        claimed(tmp_path / "file/work", FROZEN),
    ):
        pass


def test_an_epoch_is_kept_once(tmp_path: Path) -> None:
    assert [add_epoch(tmp_path, report(epoch)) for epoch in (1, 2, 2, 3)] == [True, True, False, True]
    assert epochs(tmp_path) == [report(1), report(2), report(3)]


def test_nothing_is_finished_where_nothing_is(tmp_path: Path) -> None:
    assert finished(tmp_path / "x", FROZEN) is None


def test_what_is_no_trained_network_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is no trained network"):
        finished(tmp_path, FROZEN)


@pytest.mark.parametrize("to", [Path(), Path("/"), Path("..")])
def test_a_target_without_a_name_is_refused(to: Path) -> None:
    with pytest.raises(BadInputError, match="names no folder"):
        finished(to, FROZEN)


def test_a_finished_training_of_other_settings_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(json.dumps({**FROZEN, "result": {}}))
    assert finished(tmp_path, FROZEN) is not None
    with pytest.raises(BadInputError, match="seed: 0 -> 1"):
        finished(tmp_path, {**FROZEN, "seed": 1})
