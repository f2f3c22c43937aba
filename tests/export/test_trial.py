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
from orchestrator.export.loading import load_model
from orchestrator.export.network import ExportedModel, Formats
from orchestrator.export.trial import export_trial
from orchestrator.export.verify import Check, Outcome, verify_folder
from orchestrator.records import Cause, Retraining, TrialState
from orchestrator.store.paths import TrialPaths
from search_spaces.registry import load_architecture
from tests.export.studies import ARCHITECTURES, TrainedTrial, trained_trial

FILES = (
    "README.md",
    "architecture.json",
    "graph.json",
    "load.py",
    "model.safetensors",
    "preprocessing.json",
    "probe.json",
    "requirements.txt",
    "training.json",
)


@pytest.fixture
def trained(tmp_path: Path) -> TrainedTrial:
    return trained_trial(tmp_path / "trials" / "00003")


def export(trained: TrainedTrial, to: Path, *, onnx: bool = False, force: bool = False) -> ExportedModel:
    paths, formats = TrialPaths(trained.model_folder.parent), Formats(onnx=onnx)
    return export_trial(trained.snapshot, trained.record, paths, to, formats=formats, force=force, verify=verify_folder)


def assert_whole(folder: Path) -> None:
    assert {check.outcome for check in verify_folder(folder)} == {Outcome.HOLDS}


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_the_loaded_network_computes_what_was_trained(tmp_path: Path, family: str) -> None:
    trained = trained_trial(tmp_path / "trials", ARCHITECTURES[family])
    exported = export(trained, tmp_path / "best")
    image_BCHW = torch.randn(3, 1, 8, 8)
    assert exported.files == FILES
    assert [check.subject for check in exported.checks] == [
        "SHA256SUMS",
        "architecture.json",
        "model.safetensors",
        "graph.json",
    ]
    assert load_architecture(exported.folder) == ARCHITECTURES[family]
    with torch.inference_mode():
        torch.testing.assert_close(load_model(exported.folder)(image_BCHW), trained.model(image_BCHW), rtol=0, atol=0)


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
    assert_whole(folder)
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
        export_trial(trained.snapshot, pruned, TrialPaths(tmp_path / "absent"), tmp_path / "best")


def test_weights_that_are_not_what_training_wrote_are_refused(trained: TrainedTrial, tmp_path: Path) -> None:
    weights = trained.model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(BadInputError, match=r"model\.safetensors is not what training wrote"):
        export(trained, tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_a_network_of_another_trial_is_refused(trained: TrainedTrial, tmp_path: Path) -> None:
    other = trained_trial(tmp_path / "other", ARCHITECTURES["resnet"])
    with pytest.raises(BadInputError, match=trained.record.architecture_id):
        export_trial(trained.snapshot, trained.record, TrialPaths(other.model_folder.parent), tmp_path / "best")


def test_a_network_that_is_not_finite_leaves_nothing_behind(tmp_path: Path) -> None:
    trained = trained_trial(tmp_path / "trials", ARCHITECTURES["resnet"])
    for parameter in trained.model.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    broken = trained_trial(tmp_path / "trials", ARCHITECTURES["resnet"], weights=trained.model)
    with pytest.raises(ArchfrontError, match="does not compute finite logits"):
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
    assert_whole(folder)
    assert entries(tmp_path) == ["best", "trials"]


def test_a_missing_extra_is_named_before_anything_is_done(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_PACKAGES", ("onnx", "a_package_that_nobody_has"))
    with pytest.raises(BadInputError, match="a_package_that_nobody_has") as caught:
        export(trained, tmp_path / "best", onnx=True)
    assert caught.value.hint == 'pip install "archfront[onnx]"'
    assert not (tmp_path / "best").exists()


def test_the_weights_are_those_of_the_retraining_where_there_was_one(trained: TrainedTrial, tmp_path: Path) -> None:
    again = trained_trial(trained.model_folder.parent / "retrained", seed=1)
    retrained = dataclasses.replace(trained, record=dataclasses.replace(trained.record, retrained=Retraining()))
    folder = export(retrained, tmp_path / "best").folder
    image_BCHW = torch.randn(3, 1, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(load_model(folder)(image_BCHW), again.model(image_BCHW), rtol=0, atol=0)
    assert json.loads((folder / "training.json").read_text())["trained_on_validation"]
    assert "trained anew on the training and the validation images" in (folder / "README.md").read_text()


def test_a_retraining_that_failed_leaves_the_weights_of_the_search(trained: TrainedTrial, tmp_path: Path) -> None:
    failed = Retraining(cause=Cause.DIVERGED, message="loss nan at step 3")
    record = dataclasses.replace(trained.record, retrained=failed)
    folder = export(dataclasses.replace(trained, record=record), tmp_path / "best").folder
    assert not json.loads((folder / "training.json").read_text())["trained_on_validation"]
    assert_whole(folder)


def test_what_a_check_finds_wrong_leaves_nothing_behind(trained: TrainedTrial, tmp_path: Path) -> None:
    def verify(folder: Path) -> tuple[Check, ...]:
        return (Check(subject="graph.json", outcome=Outcome.FAILED, detail="logits differ by 3"),)

    paths = TrialPaths(trained.model_folder.parent)
    with pytest.raises(ArchfrontError, match=r"does not compute what the trained one does: graph\.json: logits differ"):
        export_trial(trained.snapshot, trained.record, paths, tmp_path / "best", verify=verify)
    assert entries(tmp_path) == ["trials"]


@pytest.mark.parametrize("formats", [Formats(pt2=True), Formats(onnx=True)])
def test_a_network_that_torch_can_not_trace_is_exported_without_those_files_alone(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: Formats
) -> None:
    class Branching(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trained = trained.model

        def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            return self.trained(image_BCHW) if float(image_BCHW.sum()) != 7 else -image_BCHW

    monkeypatch.setattr(network, "_read", lambda _network: Branching())
    paths = TrialPaths(trained.model_folder.parent)
    with pytest.raises(ArchfrontError, match="torch can't trace this network") as caught:
        export_trial(trained.snapshot, trained.record, paths, tmp_path / "best", formats=formats, verify=verify_folder)
    assert caught.value.hint.startswith("leave --")
    exported = export(trained, tmp_path / "best")
    assert not {"load.py", "graph.json"} & set(exported.files)
    assert "With archfront and the package that brings the family" in (exported.folder / "README.md").read_text()
