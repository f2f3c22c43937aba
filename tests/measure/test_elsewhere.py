"""Measuring on a machine that has only torch, or only onnxruntime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup
from orchestrator.measure.elsewhere import Wish, main, take_figures
from orchestrator.measure.exchange import Figures, Request
from orchestrator.measure.onnx_networks import _exported
from search_spaces.architecture import Architecture
from search_spaces.registry import get_architecture

ROOT = Path(__file__).resolve().parents[2]
NETWORK = get_architecture("resnet18", depths=[1, 1], widths=[8, 16], num_classes=10)
BOARD = Setup(input_shape=(3, 16, 16), device="board")

# All that archfront declares but torch, onnxruntime and numpy.
ELSEWHERE_MISSING = (
    *("annotated_types", "mlflow", "optuna", "PIL", "psutil", "pyarrow", "pydantic", "ray", "rich", "safetensors"),
    *("sklearn", "scipy", "threadpoolctl", "torchvision", "typer"),
)


def machine_without(packages: Sequence[str], folder: Path) -> dict[str, str]:
    """An environment in which importing these packages fails."""
    for name in packages:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError('{name} is not installed here', name='{name}')")
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator.measure.elsewhere", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def exported(folder: Path, architecture: Architecture = NETWORK) -> Path:
    """What an exported folder has that is read here."""
    folder.mkdir()
    (folder / "architecture.json").write_text(json.dumps(architecture.to_dict()))
    (folder / "preprocessing.json").write_text(json.dumps({"image_size": 16}))
    return folder


@pytest.mark.integration
def test_a_request_is_measured_with_torch_alone(tmp_path: Path) -> None:
    Request(setup=BOARD, architectures=(NETWORK,)).write(tmp_path / "measure.json")
    environment = machine_without([*ELSEWHERE_MISSING, "onnxruntime"], tmp_path)
    done = run(environment, str(tmp_path / "measure.json"), "--to", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    figures = Figures.read(tmp_path / "figures.json")
    assert [architecture for architecture, _ in figures.networks] == [NETWORK]
    assert figures.conditions.device.startswith("board: ")


@pytest.mark.integration
def test_an_exported_network_is_measured_with_onnxruntime_alone(tmp_path: Path) -> None:
    folder = exported(tmp_path / "exported")
    (folder / "model.onnx").write_bytes(_exported(NETWORK.to_dict(), BOARD))
    environment = machine_without([*ELSEWHERE_MISSING, "torch"], tmp_path)
    target = str(tmp_path / "figures.json")
    done = run(environment, str(folder), "--runtime", "onnxruntime", "--device", "board", "--to", target)
    assert done.returncode == 0, done.stderr
    figures = Figures.read(tmp_path / "figures.json")
    assert figures.conditions.runtime == "onnxruntime"
    assert figures.conditions.input_shape == (3, 16, 16)


def test_without_torch_an_architecture_cannot_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = machine_without(["torch"], tmp_path)
    done = run(environment, str(exported(tmp_path / "exported")))
    assert done.returncode != 0
    assert "torch" in done.stderr


def test_an_architecture_alone_does_not_say_how_large_its_images_are(tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps(NETWORK.to_dict()))
    with pytest.raises(BadInputError, match="how large its images are") as caught:
        take_figures([path], Wish())
    assert caught.value.hint == "give --image-size"


def test_networks_for_different_images_are_measured_apart(tmp_path: Path) -> None:
    folder = exported(tmp_path / "exported")
    Request(setup=Setup(input_shape=(3, 32, 32)), architectures=(NETWORK,)).write(tmp_path / "measure.json")
    with pytest.raises(BadInputError, match="measured under other conditions than"):
        take_figures([folder, tmp_path / "measure.json"], Wish())


def test_a_request_says_itself_how_it_is_measured(tmp_path: Path) -> None:
    Request(setup=BOARD, architectures=(NETWORK,)).write(tmp_path / "measure.json")
    with pytest.raises(BadInputError, match="says itself how it is measured"):
        take_figures([tmp_path / "measure.json"], Wish(runtime=Runtime.EAGER))


def test_bad_input_is_a_line_and_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent.json")]) == 2
    assert "absent.json" in capsys.readouterr().err
