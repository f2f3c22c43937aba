"""``archfront evaluate``: how well the network of an exported folder reads a split of some data."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset, load
from orchestrator.errors import BadInputError
from orchestrator.export.loading import load_model
from orchestrator.export.names import PREPROCESSING_FILE, TRAINING_FILE
from orchestrator.fit.config import SplitName, parse_data, stored_data
from orchestrator.fit.rank import device_of
from orchestrator.scores import ClassificationScore
from orchestrator.storage import read_json
from orchestrator.training.evaluate import score_classes
from orchestrator.training.ranks import Ranks


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderScore:
    """A network's score on a split.

    Attributes:
        images_per_s: decoding and forward pass, the first batch included.
        is_as_trained: the images are split as they were for its training, so that validation and test are unseen.
    """

    score: ClassificationScore
    split: SplitName
    data: DataSettings
    images_per_s: float
    is_as_trained: bool


def score_folder(folder: Path, data: str = "", *, split: SplitName = SplitName.TEST) -> FolderScore:
    """Scores the network on images prepared as it was trained on them.

    Args:
        data: ``NAME`` or ``NAME:PATH``; empty for the data that the folder names.

    Raises:
        BadInputError: the folder was changed, or the data can't be used or are of other classes.
    """
    model = load_model(folder)
    preprocessing = read_json(folder / PREPROCESSING_FILE)
    training = _training(folder)
    settings = _settings(folder, training, preprocessing, data)
    dataset = load(settings, seed=derive_seed(training.get("seed", 0), "split"))
    prepared = _prepared(folder, dataset, preprocessing)
    score, seconds = _timed(model, prepared, split)
    return FolderScore(
        score=score,
        split=split,
        data=settings,
        images_per_s=score.num_images / seconds,
        is_as_trained=dataset.fingerprint == training.get("fingerprint"),
    )


def _training(folder: Path) -> dict[str, Any]:
    """Empty for a folder from before it was written."""
    path = folder / TRAINING_FILE
    fields: dict[str, Any] = read_json(path) if path.is_file() else {}
    return fields


def _settings(folder: Path, training: Mapping[str, Any], preprocessing: Mapping[str, Any], data: str) -> DataSettings:
    stored = training.get("data", {})
    if not (data or stored):
        raise BadInputError(f"{folder}: does not say what it was trained on", hint="give --data NAME:PATH")
    name, path = parse_data(data) if data else ("", "")
    shape = {name: preprocessing[name] for name in ("image_size", "center_crop") if name in preprocessing}
    return stored_data(stored, name=name, path=path, **shape)


def _prepared(folder: Path, dataset: Dataset, preprocessing: Mapping[str, Any]) -> Dataset:
    """The data with the network's own normalisation, which need not be theirs."""
    found, wanted = dataset.class_names, tuple(preprocessing["class_names"])
    if found != wanted:
        raise BadInputError(f"{folder}: {_difference(found, wanted)}", hint="give data of the same classes")
    channels, image_size = preprocessing["in_channels"], preprocessing["image_size"]
    if (dataset.task.in_channels, dataset.task.image_size) != (channels, image_size):
        raise BadInputError(
            f"{folder}: reads images of {channels} x {image_size} x {image_size}, and these are "
            f"{dataset.task.in_channels} x {dataset.task.image_size} x {dataset.task.image_size}",
            hint="give other --data",
        )
    return dataclasses.replace(dataset, mean=tuple(preprocessing["mean"]), std=tuple(preprocessing["std"]))


def _difference(found: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    if len(found) != len(wanted):
        return f"tells {len(wanted):,} classes apart, and these data have {len(found):,}"
    index = next(index for index, (mine, theirs) in enumerate(zip(wanted, found, strict=True)) if mine != theirs)
    return f'its class {index} is "{wanted[index]}", and that of these data "{found[index]}"'


def _timed(model: nn.Module, dataset: Dataset, split: SplitName) -> tuple[ClassificationScore, float]:
    device = device_of(0)
    model.to(device)
    started = time.perf_counter()
    ranks = Ranks(rank=0, world_size=1, device=device)
    score = score_classes(model, getattr(dataset, split), dataset, ranks=ranks)
    return score, time.perf_counter() - started
