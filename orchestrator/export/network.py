"""Writes a trained network as a folder that another process has loaded and compared before it appears."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.export import names, standalone
from orchestrator.export.checksums import write_sums
from orchestrator.export.loading import read_network
from orchestrator.export.onnx_file import check_onnx_is_installed, write_onnx
from orchestrator.export.probe import NUM_IMAGES, Probe, probe_images
from orchestrator.export.program import UntraceableError, graph_of, graph_text, write_pt2
from orchestrator.export.target import OTHER_TARGET, check_target, folder_that_becomes
from orchestrator.export.verify import Check, Outcome, verify_in_fresh_process
from orchestrator.storage import broken_files, read_json
from orchestrator.training.model_files import DATASET_FILE
from search_spaces.architecture import Task
from search_spaces.registry import ARCHITECTURE_FILE, load_architecture

SCHEMA_VERSION = 1

_REPORT = "this is a defect of archfront: please report it with the network's architecture.json"

Card = Callable[[Mapping[str, Any], frozenset[str]], str]
"""The text of a README.md, from what training noted of its images and the names of the other files."""
Verify = Callable[[Path], tuple[Check, ...]]
"""Tries a folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedNetwork:
    """A network as training left it.

    Attributes:
        name: how messages call it.
        model_folder: with the averaged weights, as ``training.model_files`` wrote it.
        training: the data, seed and recipe that it was trained with, as JSON values.
    """

    name: str
    model_folder: Path
    architecture_id: str
    num_parameters: int
    task: Task
    training: Mapping[str, Any]
    card: Card


@dataclass(frozen=True, kw_only=True, slots=True)
class Formats:
    """What is written beside the weights."""

    onnx: bool = False
    pt2: bool = False


WEIGHTS_ALONE = Formats()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedModel:
    """A folder that was written and proved.

    Attributes:
        checks: what another process has seen to hold.
    """

    folder: Path
    files: tuple[str, ...]
    num_parameters: int
    checks: tuple[Check, ...]


def export_network(
    network: TrainedNetwork,
    to: Path,
    *,
    formats: Formats = WEIGHTS_ALONE,
    force: bool = False,
    verify: Verify = verify_in_fresh_process,
) -> ExportedModel:
    """Writes a network to the folder ``to``; on any error nothing is there that wasn't before.

    Args:
        force: replace an earlier export.
        verify: tries the folder before it has its name.

    Raises:
        BadInputError: there is no whole model, the target exists or can't be written, or a package is missing.
        ArchfrontError: what was written does not compute what the trained network does.
    """
    try:
        check_target(to, force=force)
        if formats.onnx:
            check_onnx_is_installed()
        trained = _read(network)
        with folder_that_becomes(to) as temporary:
            _write(network, trained, temporary, formats=formats)
            files = write_sums(temporary)
            checks = verify(temporary)
            _check_all_hold(checks)
    except OSError as error:
        raise BadInputError(f"{to}: can't be written: {error.strerror or error}", hint=OTHER_TARGET) from error
    return ExportedModel(folder=to, files=files, num_parameters=network.num_parameters, checks=checks)


def _check_all_hold(checks: tuple[Check, ...]) -> None:
    if failed := [f"{check.subject}: {check.detail}" for check in checks if check.outcome is Outcome.FAILED]:
        raise ArchfrontError(
            f"the exported network does not compute what the trained one does: {'; '.join(failed)}", hint=_REPORT
        )


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


def _write(network: TrainedNetwork, trained: nn.Module, folder: Path, *, formats: Formats) -> None:
    shutil.copyfile(network.model_folder / names.WEIGHTS_FILE, folder / names.WEIGHTS_FILE)
    task = network.task
    shape = (NUM_IMAGES, task.in_channels, task.image_size, task.image_size)
    image_BCHW = torch.from_numpy(probe_images(shape))
    _write_probe(trained, image_BCHW, folder)
    _write_loader(trained, image_BCHW, folder)
    if formats.pt2:
        with _untraceable_is_refused("--pt2"):
            write_pt2(trained, folder / names.PT2_FILE, image_BCHW=image_BCHW)
    if formats.onnx:
        with _untraceable_is_refused("--onnx"):
            write_onnx(trained, folder / names.ONNX_FILE, image_BCHW=image_BCHW)
    _write_texts(network, folder=folder, formats=formats)


@contextmanager
def _untraceable_is_refused(option: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # torch's exporters raise whatever a network of the user's own makes of being traced
        reason = str(error).strip().partition("\n")[0]
        raise ArchfrontError(
            f"{option}: torch can't trace this network: {reason}", hint=f"leave {option} out"
        ) from error


def _write_probe(trained: nn.Module, image_BCHW: torch.Tensor, folder: Path) -> None:
    with torch.inference_mode():
        logits_BK = torch.cat([trained(image_BCHW[:1]), trained(image_BCHW[1:])])
    if not logits_BK.isfinite().all():
        raise ArchfrontError("the trained network does not compute finite logits", hint="export another network")
    _, channels, height, width = image_BCHW.shape
    Probe(shape=(NUM_IMAGES, channels, height, width), logits_BK=logits_BK.numpy()).write(folder)


def _write_loader(trained: nn.Module, image_BCHW: torch.Tensor, folder: Path) -> None:
    """``load.py`` and what it runs; without both where the network is more than plain operators."""
    try:
        graph = graph_of(trained, image_BCHW=image_BCHW)
    except UntraceableError:
        return
    (folder / names.GRAPH_FILE).write_text(graph_text(graph), encoding="utf-8")
    shutil.copyfile(standalone.__file__, folder / names.LOADER_FILE)


def _write_texts(network: TrainedNetwork, *, folder: Path, formats: Formats) -> None:
    dataset = read_json(network.model_folder / DATASET_FILE)
    architecture = load_architecture(network.model_folder)
    training = {"schema_version": SCHEMA_VERSION, **network.training, "fingerprint": dataset.get("fingerprint", "")}
    texts = {
        ARCHITECTURE_FILE: _json(architecture.to_dict()),
        names.PREPROCESSING_FILE: _json(_preprocessing(network.task, dataset)),
        names.TRAINING_FILE: _json(training),
        names.REQUIREMENTS_FILE: _requirements(onnx=formats.onnx),
    }
    for file_name, text in texts.items():
        (folder / file_name).write_text(text, encoding="utf-8")
    card = network.card(dataset, frozenset(path.name for path in folder.iterdir()))
    (folder / names.CARD_FILE).write_text(card, encoding="utf-8")


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
    """The versions that the folder was proved with, and how little will do."""
    packages = ["numpy", "safetensors", "torch", *(["onnxruntime"] if onnx else [])]
    # A local version such as 2.15.0+cpu is on no index.
    exact = "".join(f"{name}=={metadata.version(name).partition('+')[0]}\n" for name in packages)
    least = f"# {names.LOADER_FILE} needs torch alone, 2.11 or later"
    return f"{least}{f'; {names.ONNX_FILE} needs onnxruntime alone' if onnx else ''}.\n{exact}"


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
