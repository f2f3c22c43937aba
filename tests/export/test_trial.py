"""A trial becomes a folder that computes what the trained network computes, or nothing appears."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
import torch

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.export import network, onnx_file
from orchestrator.export.loading import load_model, verify_export
from orchestrator.export.network import ExportedModel
from orchestrator.export.trial import export_trial
from orchestrator.records import TrialState
from search_spaces.registry import load_architecture
from tests.export.studies import ARCHITECTURES, TrainedTrial, trained_trial

FILES = (
    "README.md",
    "architecture.json",
    "model.safetensors",
    "preprocessing.json",
    "requirements.txt",
    "training.json",
)


@pytest.fixture
def trained(tmp_path: Path) -> TrainedTrial:
    return trained_trial(tmp_path / "trials" / "00003")


def export(trained: TrainedTrial, to: Path, *, onnx: bool = False, force: bool = False) -> ExportedModel:
    return export_trial(trained.snapshot, trained.record, trained.model_folder, to, onnx=onnx, force=force)


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_the_loaded_network_computes_what_was_trained(tmp_path: Path, family: str) -> None:
    trained = trained_trial(tmp_path / "trials", ARCHITECTURES[family])
    exported = export(trained, tmp_path / "best")
    image_BCHW = torch.randn(3, 1, 8, 8)
    assert exported.files == FILES
    assert exported.onnx_difference is None
    assert load_architecture(exported.folder) == ARCHITECTURES[family]
    with torch.inference_mode():
        torch.testing.assert_close(load_model(exported.folder)(image_BCHW), trained.model(image_BCHW), rtol=0, atol=0)


def test_onnxruntime_agrees_on_any_batch_size(trained: TrainedTrial, tmp_path: Path) -> None:
    exported = export(trained, tmp_path / "best", onnx=True)
    assert exported.onnx_difference is not None
    assert exported.onnx_difference <= onnx_file.TOLERANCE
    assert "model.onnx" in exported.files
    assert len(exported.checks) == 2
    verify_export(exported.folder)


def test_preprocessing_says_how_an_image_becomes_an_input(trained: TrainedTrial, tmp_path: Path) -> None:
    folder = export(trained, tmp_path / "best").folder
    fields = json.loads((folder / "preprocessing.json").read_text())
    assert (fields["image_size"], fields["in_channels"]) == (8, 1)
    assert (fields["mean"], fields["std"], fields["class_names"][-1]) == ([0.3], [0.4], "9")


def test_training_says_what_the_network_was_made_from(trained: TrainedTrial, tmp_path: Path) -> None:
    fields = json.loads((export(trained, tmp_path / "best").folder / "training.json").read_text())
    assert (fields["seed"], fields["data"]["name"], fields["recipe"]["epochs"]) == (7, "digits", 12)


def test_the_sums_are_in_the_form_that_sha256sum_checks(trained: TrainedTrial, tmp_path: Path) -> None:
    folder = export(trained, tmp_path / "best").folder
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def test_missing_folders_on_the_way_are_made(trained: TrainedTrial, tmp_path: Path) -> None:
    assert export(trained, tmp_path / "a" / "b" / "best").folder.is_dir()


def test_an_existing_target_is_left_alone(trained: TrainedTrial, tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    with pytest.raises(BadInputError, match="exists already") as caught:
        export(trained, tmp_path / "best")
    assert "--force" in caught.value.hint
    assert entries(tmp_path / "best") == []


def test_force_replaces_an_earlier_export(trained: TrainedTrial, tmp_path: Path) -> None:
    folder = export(trained, tmp_path / "best").folder
    (folder / "README.md").write_text("changed")
    export(trained, folder, force=True)
    verify_export(folder)
    assert entries(tmp_path) == ["best", "trials"]


def test_force_replaces_nothing_but_an_earlier_export(trained: TrainedTrial, tmp_path: Path) -> None:
    precious = tmp_path / "thesis" / "chapter.tex"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(BadInputError, match="no earlier export"):
        export(trained, precious.parent, force=True)
    assert precious.read_text() == "years of work"


def test_a_target_that_cannot_be_written_is_named(trained: TrainedTrial, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInputError, match="file/best: can't be written") as caught:
        export(trained, tmp_path / "file" / "best")
    assert caught.value.hint == "give another --to"


@pytest.mark.parametrize("to", [Path(), Path("/"), Path("..")])
def test_a_target_that_names_no_new_folder_is_refused_and_untouched(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: Path
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(BadInputError):
        export(trained, to, force=True)
    assert entries(tmp_path) == ["inner", "trials"]


def test_a_name_that_is_too_long_is_named(trained: TrainedTrial, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="can't be written: File name too long"):
        export(trained, tmp_path / ("x" * 300))


def test_a_trial_without_a_trained_network_is_refused(trained: TrainedTrial, tmp_path: Path) -> None:
    pruned = dataclasses.replace(
        trained.record, state=TrialState.PRUNED, accuracy=None, latency=None, test_accuracy=None
    )
    with pytest.raises(BadInputError, match="trial 3 is PRUNED and has no trained network"):
        export_trial(trained.snapshot, pruned, tmp_path / "absent", tmp_path / "best")


def test_weights_that_are_not_what_training_wrote_are_refused(trained: TrainedTrial, tmp_path: Path) -> None:
    weights = trained.model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(BadInputError, match=r"model\.safetensors is not what training wrote"):
        export(trained, tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_a_network_of_another_trial_is_refused(trained: TrainedTrial, tmp_path: Path) -> None:
    other = trained_trial(tmp_path / "other", ARCHITECTURES["resnet"])
    with pytest.raises(BadInputError, match=trained.record.architecture_id):
        export_trial(trained.snapshot, trained.record, other.model_folder, tmp_path / "best")


def test_a_network_that_is_not_finite_leaves_nothing_behind(tmp_path: Path) -> None:
    trained = trained_trial(tmp_path / "trials", ARCHITECTURES["resnet"])
    for parameter in trained.model.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    broken = trained_trial(tmp_path / "trials", ARCHITECTURES["resnet"], weights=trained.model)
    with pytest.raises(ArchfrontError, match="does not compute"):
        export(broken, tmp_path / "best")
    assert entries(tmp_path) == ["trials"]


def test_an_error_in_between_leaves_an_earlier_export_whole(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(trained, tmp_path / "best").folder

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(network, "write_sums", fail)
    with pytest.raises(BadInputError, match="No space left on device"):
        export(trained, folder, force=True)
    verify_export(folder)
    assert entries(tmp_path) == ["best", "trials"]


def test_a_missing_extra_is_named_before_anything_is_done(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_PACKAGES", ("onnx", "a_package_that_nobody_has"))
    with pytest.raises(BadInputError, match="a_package_that_nobody_has") as caught:
        export(trained, tmp_path / "best", onnx=True)
    assert caught.value.hint == 'pip install "archfront[onnx]"'
    assert not (tmp_path / "best").exists()
