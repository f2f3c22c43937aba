"""What an exported folder claims is tried, and what differs is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from orchestrator.errors import BadInputError
from orchestrator.export.checksums import write_sums
from orchestrator.export.network import Formats
from orchestrator.export.trial import export_trial
from orchestrator.export.verify import Outcome, verify_folder
from orchestrator.store.paths import TrialPaths
from tests.export.studies import ARCHITECTURES, trained_trial

ALL = ["SHA256SUMS", "architecture.json", "model.safetensors", "graph.json"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    trained = trained_trial(folder)
    return export_trial(
        trained.snapshot, trained.record, TrialPaths(folder), folder / "best", verify=verify_folder
    ).folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """One to be changed."""
    return shutil.copytree(exported, tmp_path / "best")


def failures(folder: Path) -> dict[str, str]:
    return {check.subject: check.detail for check in verify_folder(folder) if check.outcome is Outcome.FAILED}


def test_everything_holds_of_a_folder_as_it_was_written(exported: Path) -> None:
    assert [(check.subject, check.outcome) for check in verify_folder(exported)] == [(name, "holds") for name in ALL]


def test_a_changed_file_is_named_and_the_others_are_tried(folder: Path) -> None:
    (folder / "README.md").write_text("something else")
    found = failures(folder)
    assert list(found) == ["SHA256SUMS"]
    assert "README.md: was changed" in found["SHA256SUMS"]


def test_weights_that_compute_something_else_are_found_even_with_new_sums(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] += 0.01
    save_file(weights, folder / "model.safetensors")
    write_sums(folder)
    found = failures(folder)
    assert list(found) == ["model.safetensors", "graph.json"]
    assert all("logits differ by 0.01" in detail for detail in found.values())


def test_an_architecture_that_the_weights_do_not_fit_is_found(folder: Path) -> None:
    (folder / "architecture.json").write_text(json.dumps(ARCHITECTURES["resnet"].to_dict()))
    write_sums(folder)
    assert list(failures(folder)) == ["model.safetensors"]


def test_a_graph_calls_nothing_but_known_operators(folder: Path) -> None:
    graph = json.loads((folder / "graph.json").read_text())
    graph["steps"][0]["operator"] = "aten.from_file.default"
    (folder / "graph.json").write_text(json.dumps(graph))
    write_sums(folder)
    assert failures(folder) == {"graph.json": "ValueError: graph.json: unknown operators aten.from_file.default"}


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 99}'])
def test_a_probe_that_is_none_is_told(folder: Path, text: str) -> None:
    (folder / "probe.json").write_text(text)
    write_sums(folder)
    assert list(failures(folder)) == ["model.safetensors", "graph.json"]


def test_a_family_that_is_not_installed_is_left_out_and_its_graph_is_tried(folder: Path) -> None:
    fields = json.loads((folder / "architecture.json").read_text()) | {"family": "vgg"}
    (folder / "architecture.json").write_text(json.dumps(fields))
    write_sums(folder)
    outcomes = {check.subject: check.outcome for check in verify_folder(folder)}
    assert outcomes == dict(zip(ALL, ["holds", "left out", "left out", "holds"], strict=True))


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="SHA256SUMS: can't be read"):
        verify_folder(tmp_path)


@pytest.mark.integration
def test_another_process_finds_every_format_right_and_load_py_needs_torch_alone(tmp_path: Path) -> None:
    trained = trained_trial(tmp_path, ARCHITECTURES["mobilenet"])
    formats = Formats(onnx=True, pt2=True)
    exported = export_trial(trained.snapshot, trained.record, TrialPaths(tmp_path), tmp_path / "best", formats=formats)
    checks = {check.subject: check for check in exported.checks}
    assert list(checks) == [*ALL, "model.pt2", "model.onnx"]
    assert {check.outcome for check in checks.values()} == {Outcome.HOLDS}
    assert " ms (95 % interval" in checks["model.onnx"].detail
    alone = "import sys; sys.modules.update(orchestrator=None, search_spaces=None, safetensors=None)\n"
    alone += "import runpy; runpy.run_path('load.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", alone], cwd=exported.folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("checksums hold; logits within")
