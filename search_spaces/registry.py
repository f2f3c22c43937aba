"""Families and networks by name, from a file, or from a point of a search space."""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import SCHEMA_VERSION, Architecture, Task
from search_spaces.densenet.family import DenseNetFamily
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.family import Family
from search_spaces.mobilenet.family import MobileNetFamily
from search_spaces.resnet.family import ResNetFamily
from search_spaces.rules import show
from search_spaces.space import Point

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.cost_columns import CostColumns

ENTRY_POINT_GROUP = "archfront.families"
ARCHITECTURE_FILE = "architecture.json"
MAX_PARAMETERS = 2_000_000_000

_OWN_FAMILY_HINT = f"an installed entry point of {ENTRY_POINT_GROUP} makes your own known to all processes of a study"

_families: dict[str, Family] = {family.name: family for family in (DenseNetFamily(), ResNetFamily(), MobileNetFamily())}


def register_family(family: Family) -> None:
    """Makes a family of one's own known in this process, and in no other.

    That is enough to build, describe and sample. A study trains and measures in processes of its own, which know
    built-in families and those that an installed entry point names.

    Raises:
        ArchitectureError: another family has its name, or one of its presets' names.
    """
    if _families.get(family.name, family) is not family:
        raise ArchitectureError(f"there is a family {family.name!r} already", hint="give yours another name")
    taken = sorted(set(family.presets) & set(_presets())) if family.name not in _families else []
    if taken:
        raise ArchitectureError(f"family {family.name!r}: there is a model {taken[0]!r} already", hint="rename it")
    _families[family.name] = family


def list_families() -> list[str]:
    """Names of the families, those of installed entry points too."""
    return list(dict.fromkeys([*_families, *(point.name for point in _entry_points())]))


def get_family(name: str) -> Family:
    """The family of this name; an entry point is loaded when its name is first asked for.

    Raises:
        ArchitectureError: there is none.
    """
    if name not in _families:
        point = next((point for point in _entry_points() if point.name == name), None)
        if point is None:
            hint = f"{did_you_mean(name, list_families())}; {_OWN_FAMILY_HINT}"
            raise ArchitectureError(f"unknown family {name!r}", hint=hint)
        register_family(_loaded(point))
    return _families[name]


def usable_families() -> list[Family]:
    """All families, those of installed entry points loaded; one that can't be is left out with a warning."""
    for refusal in _load_installed():
        warnings.warn(str(refusal), stacklevel=2)
    return list(_families.values())


def list_models() -> list[str]:
    """Names of all presets, those of installed families too."""
    return [name for family in usable_families() for name in family.presets]


def get_architecture(name: str, **overrides: Any) -> Architecture:
    """A preset, with some fields changed: ``get_architecture("densenet121", growth_rate=16)``.

    Raises:
        ArchitectureError: there is no such preset, or a field is unknown or outside its rule.
    """
    if not name or not isinstance(name, str):
        raise ArchitectureError(
            f"network = {show(name)}: must be the name of a preset",
            hint='such as "densenet121"; create_model takes a path or an Architecture as well',
        )
    refusals = [] if name in _presets() else _load_installed()
    presets = _presets()
    if name not in presets:
        # It may be a preset of a family that can't be loaded.
        hints = (did_you_mean(name[:100], presets), *map(str, refusals))
        raise ArchitectureError(f"unknown model {name[:100]!r}", hint="; ".join(hints))
    return presets[name].replace(**overrides)


def preset_names(family: str, *, in_channels: int, num_classes: int) -> dict[str, str]:
    """The names of a family's presets, made for a task, by their ``architecture_id``."""
    return {
        preset.replace(in_channels=in_channels, num_classes=num_classes).architecture_id: name
        for name, preset in get_family(family).presets.items()
    }


def find_architecture(source: str | Path | Architecture, **overrides: Any) -> Architecture:
    """An architecture by the name of a preset or from its file, with some fields changed.

    Raises:
        ArchitectureError: the source is unknown, or a field is unknown or outside its rule.
    """
    if isinstance(source, Architecture):
        return source.replace(**overrides)
    if isinstance(source, Path) or (isinstance(source, str) and (source.endswith(".json") or _is_folder(source))):
        return load_architecture(source).replace(**overrides)
    return get_architecture(source, **overrides)


def architecture(point: Point, task: Task) -> Architecture:
    """The architecture at a point of a search space.

    Raises:
        ArchitectureError: a value is unknown or outside its rule.
        GeometryError: the task's image is too small for it.
    """
    return get_family(point.family).architecture(point.values, task)


def costs(points: Sequence[Point], task: Task) -> CostColumns:
    """The exact costs of points of any families, each in its row."""
    from search_spaces.cost_columns import merged  # describing a network needs no numpy

    positions: dict[str, list[int]] = {}
    for position, point in enumerate(points):
        positions.setdefault(point.family, []).append(position)
    parts = (
        (found, get_family(family).costs([points[position].values for position in found], task))
        for family, found in positions.items()
    )
    return merged(parts, len(points))


def architecture_from_dict(fields: Mapping[str, Any]) -> Architecture:
    """What ``Architecture.to_dict`` gave.

    Raises:
        ArchitectureError: another schema version, an unknown family, or a field that is unknown or outside its rule.
    """
    if not isinstance(fields, Mapping):
        raise ArchitectureError("an architecture is a table of fields")
    version = fields.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ArchitectureError(
            f"schema_version = {json.dumps(version)}: this archfront reads {SCHEMA_VERSION}", hint="update archfront"
        )
    family = fields.get("family")
    if not isinstance(family, str):
        raise ArchitectureError(f"family = {json.dumps(family)}: must be one of {', '.join(list_families())}")
    rest = {name: value for name, value in fields.items() if name not in ("schema_version", "family")}
    return get_family(family).architecture_type.from_fields(rest)


def load_architecture(path: str | Path) -> Architecture:
    """The architecture in a JSON file, or in the ``architecture.json`` of an exported folder.

    Raises:
        ArchitectureError: there is no such file, or it holds no architecture.
    """
    file = Path(path)
    file = file / ARCHITECTURE_FILE if _is_folder(file) else file
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArchitectureError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ArchitectureError(f"{file}: is no JSON: {error}") from error
    try:
        return architecture_from_dict(fields)
    except ArchitectureError as error:
        raise ArchitectureError(f"{file}: {error.message}", hint=error.hint) from error


def build_model(architecture: Architecture) -> nn.Module:
    """The network of an architecture, with freshly initialised weights.

    Raises:
        ArchitectureError: it is too large to be meant.
    """
    num_parameters = architecture.num_parameters
    if num_parameters > MAX_PARAMETERS:
        raise ArchitectureError(
            f"this {architecture.family} has {num_parameters:,} parameters, the limit is {MAX_PARAMETERS:,}",
            hint="make it narrower or shallower",
        )
    return get_family(architecture.family).build(architecture)


def create_model(source: str | Path | Architecture, **overrides: Any) -> nn.Module:
    """A network by the name of a preset, from an architecture or from its file, with some fields changed.

    ``create_model("densenet121", num_classes=10, in_channels=1)``. Its weights are fresh; ``create_pretrained`` gives
    a network with trained ones.

    Raises:
        ArchitectureError: the source is unknown, or a field is unknown or outside its rule.
    """
    return build_model(find_architecture(source, **overrides))


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a name is too long for a file


def _presets() -> dict[str, Architecture]:
    """The presets of the families that are loaded."""
    return {name: preset for family in _families.values() for name, preset in family.presets.items()}


def _load_installed() -> list[ArchitectureError]:
    """Loads the families of all entry points; returns what is wrong with those that can't be."""
    refusals = []
    for point in _entry_points():
        try:
            get_family(point.name)
        except ArchitectureError as error:
            refusals.append(error)
    return refusals


def _entry_points() -> metadata.EntryPoints:
    return _entry_points_on(tuple(sys.path))


@functools.lru_cache(maxsize=1)
def _entry_points_on(_path: tuple[str, ...]) -> metadata.EntryPoints:
    """Kept, because looking through all that is installed takes some 50 ms."""
    return metadata.entry_points(group=ENTRY_POINT_GROUP)


def _loaded(point: metadata.EntryPoint) -> Family:
    try:
        family = point.load()
    except Exception as error:
        raise ArchitectureError(
            f"entry point {point.name!r} of {ENTRY_POINT_GROUP} can't be loaded: {error}",
            hint=f"mend or remove the distribution that names {point.value}",
        ) from error
    if not isinstance(family, Family) or family.name != point.name:
        raise ArchitectureError(
            f"entry point {point.name!r} of {ENTRY_POINT_GROUP} is no family of that name",
            hint=f"it names {point.value}",
        )
    return family
