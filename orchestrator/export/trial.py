"""Writes a trained trial as a folder that was loaded again and compared before it appears."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.export.card import model_card
from orchestrator.export.checksums import write_sums
from orchestrator.export.loading import WEIGHTS_FILE, load_model, read_network
from orchestrator.export.onnx_file import ONNX_FILE, check_onnx_is_installed, write_onnx
from orchestrator.export.target import OTHER_TARGET, check_target, folder_that_becomes
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.storage import broken_files, read_json
from orchestrator.training.model_files import DATASET_FILE
from search_spaces.architecture import Task
from search_spaces.registry import ARCHITECTURE_FILE, load_architecture

PREPROCESSING_FILE = "preprocessing.json"
CARD_FILE = "README.md"
REQUIREMENTS_FILE = "requirements.txt"
SCHEMA_VERSION = 1

_NUM_TRIED_IMAGES = 4
_REPORT = "this is a defect of archfront: please report it with the trial's architecture.json"


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


def export_trial(
    snapshot: StudySnapshot,
    record: TrialRecord,
    model_folder: Path,
    to: Path,
    *,
    onnx: bool = False,
    force: bool = False,
) -> ExportedModel:
    """Writes the network of a trial to the folder ``to``; on any error nothing is there that wasn't before.

    Args:
        model_folder: where training left the averaged weights.
        onnx: write ``model.onnx`` too.
        force: replace an earlier export.

    Raises:
        BadInputError: the trial has no whole model, the target exists or can't be written, or a package is missing.
        ArchfrontError: what was written does not compute what the trained network does.
    """
    try:
        check_target(to, force=force)
        if onnx:
            check_onnx_is_installed()
        trained = _trained_network(record, model_folder)
        with folder_that_becomes(to) as temporary:
            shutil.copyfile(model_folder / WEIGHTS_FILE, temporary / WEIGHTS_FILE)
            dataset = read_json(model_folder / DATASET_FILE)
            _write_texts(snapshot, record, dataset, folder=temporary, onnx=onnx)
            (temporary / CARD_FILE).write_text(
                model_card(snapshot, record, dataset, folder_name=to.name, has_onnx=onnx), encoding="utf-8"
            )
            image_BCHW = _random_images(snapshot)
            difference = write_onnx(trained, temporary / ONNX_FILE, image_BCHW=image_BCHW) if onnx else None
            files = write_sums(temporary)
            _prove(temporary, trained, image_BCHW)
    except OSError as error:
        raise BadInputError(f"{to}: can't be written: {error.strerror or error}", hint=OTHER_TARGET) from error
    return ExportedModel(folder=to, files=files, num_parameters=record.num_parameters, onnx_difference=difference)


def _trained_network(record: TrialRecord, model_folder: Path) -> nn.Module:
    trial = f"trial {record.number}"
    if not model_folder.is_dir():
        raise BadInputError(f"{trial} is {record.state} and has no trained network", hint="export a COMPLETED trial")
    if broken := broken_files(model_folder):
        raise BadInputError(
            f"{trial}: {model_folder / broken[0]} is not what training wrote", hint="export another trial of the front"
        )
    found = load_architecture(model_folder).architecture_id
    if found != record.architecture_id:
        raise BadInputError(
            f"{trial}: {model_folder} holds architecture {found}, not {record.architecture_id}",
            hint="is this the study's own directory?",
        )
    return read_network(model_folder)


def _write_texts(
    snapshot: StudySnapshot, record: TrialRecord, dataset: Mapping[str, Any], *, folder: Path, onnx: bool
) -> None:
    texts = {
        ARCHITECTURE_FILE: _json(record.architecture),
        PREPROCESSING_FILE: _json(_preprocessing(_task(snapshot), dataset)),
        REQUIREMENTS_FILE: _requirements(onnx=onnx),
    }
    for file_name, text in texts.items():
        (folder / file_name).write_text(text, encoding="utf-8")


def _preprocessing(task: Task, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """How an image becomes what the network reads."""
    return {
        "schema_version": SCHEMA_VERSION,
        "image_size": task.image_size,
        "in_channels": task.in_channels,
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


def _task(snapshot: StudySnapshot) -> Task:
    return Task(**snapshot.frozen["task"])


def _random_images(snapshot: StudySnapshot) -> torch.Tensor:
    task = _task(snapshot)
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
