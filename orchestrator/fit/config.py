"""What a training outside of a study is made from: the network, its data, its recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from orchestrator.config import overrides as setting
from orchestrator.config.consistency import check_data, check_settings
from orchestrator.config.document import SMALLEST_FILE, Document, check_values, read_document
from orchestrator.config.loading import Inspect, look_at_data
from orchestrator.config.overrides import Override
from orchestrator.config.problems import Problems
from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings, Recipe
from orchestrator.config.source import read_source
from orchestrator.config.tables import Tables, read_tables
from orchestrator.data.catalog import DataSummary
from orchestrator.errors import BadInputError
from search_spaces.architecture import Architecture, Task
from search_spaces.errors import ArchitectureError
from search_spaces.registry import find_architecture

_TABLES = ("architecture", "data", "recipe")
_NO_STUDY = "the default recipe"


class SplitName(StrEnum):
    """A part of a data set that can be scored."""

    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A training as a person asks for it.

    Attributes:
        network: a preset, an ``architecture.json``, or an exported folder.
        data: ``NAME`` or ``NAME:PATH``; empty for the data of the study.
        study: a study file or a shipped study, whose recipe and data are taken; empty for the shipped study that is
            called like the data, if there is one.
        overrides: ``recipe.epochs=3``, ``data.image_size=64`` or ``architecture.stem=cifar``.
        epochs: in place of the recipe's; 0 for the recipe's.
        seed: None for the study's.
        weights: to begin with, by torchvision's name or as a file; empty for fresh ones.
        freeze: train nothing but the last linear layer.
    """

    network: str
    data: str = ""
    study: str = ""
    overrides: Sequence[str] = ()
    epochs: int = 0
    seed: int | None = None
    weights: str = ""
    freeze: bool = False
    num_workers: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """A training that can begin; equal configs end with equal weights on equal machines.

    Attributes:
        study: where recipe and data were taken from, for a person.
        num_images: of the training, validation and test split.
        warnings: what is odd, one line each.
    """

    architecture: Architecture
    task: Task
    data: DataSettings
    recipe: Recipe
    seed: int
    weights: str
    freeze: bool
    num_workers: int
    study: str = ""
    num_images: tuple[int, int, int] = (0, 0, 0)
    warnings: tuple[str, ...] = field(default=())

    @property
    def training_seed(self) -> int:
        """Of weights, order and augmentation; that of the trial of the same network in a study of the same seed."""
        return derive_seed(self.seed, f"trial {self.architecture.architecture_id}")

    def frozen(self) -> dict[str, Any]:
        """All that the result depends on, as JSON values."""
        return {
            "architecture": self.architecture.to_dict(),
            "data": _json_values(self.data),
            "recipe": _json_values(self.recipe),
            "seed": self.seed,
            "weights": self.weights,
            "freeze": self.freeze,
            "workers": self.num_workers,
        }


def read_config(request: Request, *, inspect: Inspect, shipped: Mapping[str, str] = MappingProxyType({})) -> FitConfig:
    """Reads and checks a request.

    Raises:
        BadInputError: with everything that is wrong with data and recipe.
        ArchitectureError: the network is unknown, or can't read such images.
    """
    if request.freeze and not request.weights:
        raise BadInputError("--freeze: fresh weights are not worth keeping", hint="give --pretrained as well")
    document = _document(request, shipped)
    problems = Problems(document.locate, known=(*document.refused_overrides, *_foreign(document)))
    check_values(document, problems)
    given: dict[str, Any] = {name: table for name, table in document.tables.items() if name in ("data", "recipe")}
    given["resources"] = {"workers_per_trial": request.num_workers}
    study = document.tables.get("study")
    if isinstance(study, Mapping) and "seed" in study:
        given["study"] = {"seed": study["seed"]}
    tables = read_tables(given, problems)
    check_settings(tables, given, problems)
    summary = look_at_data(tables, inspect, problems)
    if summary is not None:
        check_data(tables, given, summary, problems)
    problems.raise_if_any()
    assert isinstance(summary, DataSummary)
    return FitConfig(
        architecture=_architecture(request.network, document.tables.get("architecture", {}), summary.task),
        task=summary.task,
        data=tables.data,
        recipe=tables.recipe,
        seed=tables.study.seed if request.seed is None else request.seed,
        weights=request.weights,
        freeze=request.freeze,
        num_workers=request.num_workers,
        study=document.name,
        num_images=(summary.num_train, summary.num_validation, summary.num_test),
        warnings=problems.warnings,
    )


def stored_data(fields: Mapping[str, Any], *, name: str = "", path: str = "", **changes: Any) -> DataSettings:
    """Data settings from their JSON values, with some changed.

    Args:
        name: another data set, whose path the stored one is not.

    Raises:
        BadInputError: they can't be read.
    """
    given = dict(fields) | changes
    if name:
        given |= {"name": name, "path": path}
    problems = Problems(Document(name="data", tables={}, lines={}, overrides=(), refused_overrides=()).locate)
    tables: Tables = read_tables({"data": given}, problems)
    problems.raise_if_any()
    return tables.data


def parse_data(text: str) -> tuple[str, str]:
    """``NAME`` or ``NAME:PATH``; the path may be an address such as ``s3://bucket/images``.

    Raises:
        BadInputError: there is no name.
    """
    name, _, path = text.partition(":")
    if not name.strip():
        raise BadInputError(f"--data {text}: must be NAME or NAME:PATH", hint="such as cifar10:data or folder:images")
    return name.strip(), path.strip()


def _document(request: Request, shipped: Mapping[str, str]) -> Document:
    """The study that is taken as a pattern, with what was asked for put over it."""
    if not (request.data or request.study):
        raise BadInputError("there is nothing to train on", hint="give --data, such as --data cifar10:data")
    name, path = parse_data(request.data) if request.data else ("", "")
    source = request.study or (name if name in shipped else "")
    file_name, text = read_source(source, shipped) if source else (_NO_STUDY, SMALLEST_FILE)
    document = read_document(file_name, text, request.overrides)
    if name and isinstance(document.tables.get("data"), dict):
        document.tables["data"].pop("path", None)  # it leads to the study's own data
    own = list(_own_overrides(request, name, path))
    for override in own:
        setting.apply(document.tables, override)
    return dataclasses.replace(document, overrides=(*document.overrides, *own))


def _own_overrides(request: Request, name: str, path: str) -> Iterator[Override]:
    """What options of their own stand for."""
    if request.data:
        yield Override(path=("data", "name"), value=name, place=f"--data {request.data}")
    if path:
        yield Override(path=("data", "path"), value=path, place=f"--data {request.data}")
    if request.epochs:
        yield Override(path=("recipe", "epochs"), value=request.epochs, place=f"--epochs {request.epochs}")


def _foreign(document: Document) -> list[str]:
    """Overrides that mean something to a search alone."""
    return [
        f"{override.place}: has no effect on one training; it takes {', '.join(f'{name}.*' for name in _TABLES)}"
        for override in document.overrides
        if override.path[0] not in _TABLES
    ]


def _architecture(network: str, fields: Any, task: Task) -> Architecture:
    """The network with a head for the data; what it can't do with such images is said now."""
    if not isinstance(fields, Mapping):
        raise BadInputError("--set architecture: must name a field", hint="such as --set architecture.stem=cifar")
    for name in ("in_channels", "num_classes"):
        if name in fields:
            raise BadInputError(
                f"--set architecture.{name}: the data decide it", hint=f"here it is {getattr(task, name)}"
            )
    try:
        found = find_architecture(network, in_channels=task.in_channels, num_classes=task.num_classes, **fields)
        found.macs(task.image_size)
    except ArchitectureError as error:
        raise ArchitectureError(f"{network}: {error.message}", hint=_in_options(error.hint)) from error
    return found


def _in_options(hint: str) -> str:
    return hint.replace("stem = 'cifar'", "--set architecture.stem=cifar").replace(
        "use images of", "--set data.image_size for images of"
    )


def _json_values(settings: Any) -> dict[str, Any]:
    values = dataclasses.asdict(settings)
    return {
        name: str(value) if isinstance(value, str) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
