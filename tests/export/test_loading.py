"""An exported folder is loaded only if it is what was exported."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from orchestrator import load_model
from orchestrator.errors import BadInputError
from orchestrator.export.checksums import write_sums
from orchestrator.export.trial import export_trial
from orchestrator.export.verify import verify_folder
from orchestrator.store.paths import TrialPaths
from tests.export.studies import ARCHITECTURES, trained_trial


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trained = trained_trial(tmp_path / "trials")
    paths = TrialPaths(trained.model_folder.parent)
    return export_trial(trained.snapshot, trained.record, paths, tmp_path / "best", verify=verify_folder).folder


def test_a_loaded_network_is_in_evaluation_mode(folder: Path) -> None:
    assert not load_model(folder).training
    assert not load_model(str(folder)).training


@pytest.mark.parametrize("name", ["model.safetensors", "architecture.json", "README.md"])
def test_a_changed_file_is_named_with_both_sums(folder: Path, name: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        BadInputError, match=rf"{name}: was changed: SHA-256 is [0-9a-f]{{64}}, expected [0-9a-f]{{64}}"
    ):
        load_model(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInputError, match=r"model\.safetensors: listed in SHA256SUMS and not there"):
        load_model(folder)


def test_a_file_that_the_sums_leave_out_is_not_trusted(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(keepends=True) if "safetensors" not in line))
    with pytest.raises(BadInputError, match=r"does not list model\.safetensors"):
        load_model(folder)


@pytest.mark.parametrize("text", ["no sums at all\n", f"{'0' * 64}  ../outside\n"])
def test_sums_that_are_none_are_refused(folder: Path, text: str) -> None:
    (folder / "SHA256SUMS").write_text(text)
    with pytest.raises(BadInputError, match="is no list of checksums"):
        load_model(folder)


def test_a_folder_that_is_absent_or_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such folder"):
        load_model(tmp_path / "absent")
    with pytest.raises(BadInputError, match="SHA256SUMS: can't be read"):
        load_model(tmp_path)


def test_weights_of_another_architecture_do_not_fit(folder: Path) -> None:
    (folder / "architecture.json").write_text(json.dumps(ARCHITECTURES["resnet"].to_dict()))
    write_sums(folder)
    with pytest.raises(BadInputError, match=r"model\.safetensors: does not fit architecture\.json"):
        load_model(folder)


def test_an_architecture_outside_its_rules_is_refused(folder: Path) -> None:
    fields = ARCHITECTURES["densenet"].to_dict() | {"compression": 7}
    (folder / "architecture.json").write_text(json.dumps(fields))
    write_sums(folder)
    with pytest.raises(BadInputError, match="compression"):
        load_model(folder)


def test_a_pickle_is_never_read(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"classifier.bias": 1}))
    write_sums(folder)
    with pytest.raises(BadInputError, match=r"model\.safetensors: can't be read"):
        load_model(folder)
