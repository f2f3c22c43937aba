"""Writes a trained network as a folder that was loaded again and compared before it appears."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.export.checksums import write_sums
from orchestrator.export.loading import PREPROCESSING_FILE, TRAINING_FILE, WEIGHTS_FILE, load_model, read_network
from orchestrator.export.onnx_file import ONNX_FILE, check_onnx_is_installed, write_onnx
from orchestrator.export.target import OTHER_TARGET, check_target, folder_that_becomes
from orchestrator.storage import broken_files, read_json
from orchestrator.training.model_files import DATASET_FILE
from search_spaces.architecture import Task
from search_spaces.registry import ARCHITECTURE_FILE, load_architecture

CARD_FILE = "README.md"
REQUIREMENTS_FILE = "requirements.txt"
SCHEMA_VERSION = 1

_NUM_TRIED_IMAGES = 4
_REPORT = "this is a defect of archfront: please report it with the network's architecture.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedNetwork:
    """A network as training left it.

    Attributes:
        name: how messages call it.
        model_folder: with the averaged weights, as ``training.model_files`` wrote it.
        training: the data, seed and recipe that it was trained with, as JSON values.
        card: the text of its README.md, from what training noted of its images.
    """

    name: str
    model_folder: Path
    architecture_id: str
    num_parameters: int
    task: Task
    training: Mapping[str, Any]
    card: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedModel:
    """A folder that was written and proved.

    Attributes:
        onnx_difference: largest difference of a logit between onnxruntime and torch; None without ``model.onnx``.
    """

    folder: Path
    files: tuple[str, ...]
    num_parameters: int
    onnx_difference: float | None

    @property
    def checks(self) -> tuple[str, ...]:
        """What was seen to hold, as lines for a person."""
        lines = [f"loaded again: checksums hold, logits of {_NUM_TRIED_IMAGES} random images are equal bit for bit"]
        if self.onnx_difference is not None:
            lines.append(f"{ONNX_FILE} in onnxruntime: logits within {self.onnx_difference:.1g}")
        return tuple(lines)


def export_network(network: TrainedNetwork, to: Path, *, onnx: bool = False, force: bool = False) -> ExportedModel:
    """Writes a network to the folder ``to``; on any error nothing is there that wasn't before.

    Args:
        onnx: write ``model.onnx`` too.
        force: replace an earlier export.

    Raises:
        BadInputError: there is no whole model, the target exists or can't be written, or a package is missing.
        ArchfrontError: what was written does not compute what the trained network does.
    """
    try:
        check_target(to, force=force)
        if onnx:
            check_onnx_is_installed()
        trained = _read(network)
        with folder_that_becomes(to) as temporary:
            shutil.copyfile(network.model_folder / WEIGHTS_FILE, temporary / WEIGHTS_FILE)
            _write_texts(network, folder=temporary, onnx=onnx)
            image_BCHW = _random_images(network.task)
            difference = write_onnx(trained, temporary / ONNX_FILE, image_BCHW=image_BCHW) if onnx else None
            files = write_sums(temporary)
            _prove(temporary, trained, image_BCHW)
    except OSError as error:
        raise BadInputError(f"{to}: can't be written: {error.strerror or error}", hint=OTHER_TARGET) from error
    return ExportedModel(folder=to, files=files, num_parameters=network.num_parameters, onnx_difference=difference)


def _read(network: TrainedNetwork) -> nn.Module:
    folder = network.model_folder
    if broken := broken_files(folder):
        raise BadInputError(
            f"{network.name}: {folder / broken[0]} is not what training wrote",
            hint="train it again, or export another network",
        )
    found = load_architecture(folder).architecture_id
    if found != network.architecture_id:
        raise BadInputError(
            f"{network.name}: {folder} holds architecture {found}, not {network.architecture_id}",
            hint="has the folder been moved here from elsewhere?",
        )
    return read_network(folder)


def _write_texts(network: TrainedNetwork, *, folder: Path, onnx: bool) -> None:
    dataset = read_json(network.model_folder / DATASET_FILE)
    architecture = load_architecture(network.model_folder)
    training = {"schema_version": SCHEMA_VERSION, **network.training, "fingerprint": dataset.get("fingerprint", "")}
    texts = {
        ARCHITECTURE_FILE: _json(architecture.to_dict()),
        PREPROCESSING_FILE: _json(_preprocessing(network.task, dataset)),
        TRAINING_FILE: _json(training),
        REQUIREMENTS_FILE: _requirements(onnx=onnx),
        CARD_FILE: network.card(dataset),
    }
    for file_name, text in texts.items():
        (folder / file_name).write_text(text, encoding="utf-8")


def _preprocessing(task: Task, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """How an image becomes what the network reads."""
    return {
        "schema_version": SCHEMA_VERSION,
        "image_size": task.image_size,
        "in_channels": task.in_channels,
        "center_crop": dataset.get("center_crop", 1.0),
        "resizing": "shorter side to image_size / center_crop, antialiased bilinear; then the centre of image_size",
        "layout": "batch, channels, height, width",
        "scaling": "pixels from 0 to 1, then (pixel - mean) / std for each channel",
        "mean": dataset["mean"],
        "std": dataset["std"],
        "class_names": dataset["class_names"],
    }


def _requirements(*, onnx: bool) -> str:
    packages = ["safetensors", "torch", *(["onnxruntime"] if onnx else [])]
    # A local version such as 2.15.0+cpu is on no index.
    return "".join(f"{name}=={metadata.version(name).partition('+')[0]}\n" for name in packages)


def _random_images(task: Task) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(_NUM_TRIED_IMAGES, task.in_channels, task.image_size, task.image_size, generator=generator)


def _prove(folder: Path, trained: nn.Module, image_BCHW: torch.Tensor) -> None:
    """Loads the folder as a user would; its logits must be those of the trained network, bit for bit."""
    with torch.inference_mode():
        expected_BK = trained(image_BCHW)
        actual_BK = load_model(folder)(image_BCHW)
    if not (expected_BK.isfinite().all() and torch.equal(actual_BK, expected_BK)):
        raise ArchfrontError("the exported network does not compute what the trained one does", hint=_REPORT)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
