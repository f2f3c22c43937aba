"""Checkpoints of a trial: whole or absent, verified when they are read; the newest and the one before it are kept."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Size, Tensor

from orchestrator.errors import StorageError
from orchestrator.failpoints import failpoint
from orchestrator.records import EpochReport
from orchestrator.storage import broken_files, read_json, write_folder
from orchestrator.training.tensor_file import num_bytes, save_tensors

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
NUM_KEPT = 2

_FOLDER = "checkpoints"
_TENSORS = "tensors.safetensors"
_PROGRESS = "progress.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a trial is; with the tensors beside it, all that training needs to go on as if nothing had happened.

    Attributes:
        step: steps done, over all epochs.
        wall_time_s: spent on them, over all attempts.
        num_parts: in how many parts a step is done, so that it fits into the memory.
        report: of the last finished epoch.
    """

    step: int = 0
    wall_time_s: float = 0.0
    num_parts: int = 1
    report: EpochReport | None = None


def save(directory: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> Path:
    """Writes ``checkpoints/NNNNNN`` by the step's number, and returns the folder; that and the one before it are kept.

    What is there of later steps goes, too: it could not be used, else training would have gone on from it.

    Raises:
        StorageError: no room; the checkpoints that were there are intact.
    """

    def write(folder: Path) -> None:
        save_tensors(tensors, folder / _TENSORS)
        (folder / _PROGRESS).write_text(json.dumps({"schema_version": SCHEMA_VERSION, **asdict(progress)}))
        failpoint("checkpoint.after_files")

    saved = directory / _FOLDER / f"{progress.step:06d}"
    write_folder(saved, write, num_bytes=num_bytes(tensors))
    failpoint("checkpoint.before_prune")
    folders = _newest_first(directory)
    newest = folders.index(saved)
    for other in (*folders[:newest], *folders[newest + NUM_KEPT :]):
        shutil.rmtree(other, ignore_errors=True)
    failpoint("checkpoint.after_prune")
    return saved


def load_latest(directory: Path, tensors: Mapping[str, Tensor]) -> Progress | None:
    """Fills the tensors from the newest checkpoint that is whole and fits them; None where there is none."""
    for folder in _newest_first(directory):
        if broken := broken_files(folder):
            problem = f"{', '.join(broken)} broken or absent"
        else:
            try:
                return _load(folder, tensors)
            except (AttributeError, KeyError, TypeError, ValueError, StorageError, SafetensorError) as error:
                problem = str(error)
        logger.warning("%s can't be used (%s): going back to the checkpoint before it", folder, problem)
    return None


def _load(folder: Path, tensors: Mapping[str, Tensor]) -> Progress:
    fields = read_json(folder / _PROGRESS)
    if fields.pop("schema_version", None) != SCHEMA_VERSION:
        raise ValueError("written by another version of archfront")
    report = fields.pop("report")
    progress = Progress(**fields, report=EpochReport.from_dict(report) if report else None)
    stored = load_file(folder / _TENSORS)
    if _shapes(stored) != _shapes(tensors):
        raise ValueError("it is of another network")
    for name, tensor in tensors.items():
        tensor.copy_(stored[name])
    return progress


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _newest_first(directory: Path) -> list[Path]:
    folders = [path for path in (directory / _FOLDER).glob("[0-9]*") if path.name.isdigit()]
    return sorted(folders, key=lambda path: int(path.name), reverse=True)
