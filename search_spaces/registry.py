"""Families and networks by name, from a file, or from a point of a search space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import SCHEMA_VERSION, Architecture, Task
from search_spaces.densenet.family import DenseNetFamily
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.family import Family
from search_spaces.mobilenet.family import MobileNetFamily
from search_spaces.resnet.family import ResNetFamily
from search_spaces.space import Point

if TYPE_CHECKING:
    from torch import nn

ENTRY_POINT_GROUP = "archfront.families"
ARCHITECTURE_FILE = "architecture.json"
MAX_PARAMETERS = 2_000_000_000

_families: dict[str, Family] = {family.name: family for family in (DenseNetFamily(), ResNetFamily(), MobileNetFamily())}


def register_family(family: Family) -> None:
    """Makes a family of one's own known in this process.

    Raises:
        ArchitectureError: another family has its name, or one of its presets' names.
    """
    if _families.get(family.name, family) is not family:
        raise ArchitectureError(f"there is a family {family.name!r} already", hint="give yours another name")
    taken = sorted(set(family.presets) & set(list_models())) if family.name not in _families else []
    if taken:
        raise ArchitectureError(f"family {family.name!r}: there is a model {taken[0]!r} already", hint="rename it")
    _families[family.name] = family


def list_families() -> list[str]:
    """Names of the families, those of installed entry points too."""
    return [*_families, *(point.name for point in _entry_points() if point.name not in _families)]


def get_family(name: str) -> Family:
    """The family of this name; an entry point is loaded when its name is first asked for.

    Raises:
        ArchitectureError: there is none.
    """
    if name not in _families:
        for point in _entry_points():
            if point.name == name:
                register_family(_loaded(point))
                break
    if name not in _families:
        raise ArchitectureError(f"unknown family {name!r}. Available: {', '.join(list_families())}")
    return _families[name]


def list_models() -> list[str]:
    """Names of all presets."""
    return [name for family in _families.values() for name in family.presets]


def get_architecture(name: str, **overrides: Any) -> Architecture:
    """A preset, with some fields changed: ``get_architecture("densenet121", growth_rate=16)``.

    Raises:
        ArchitectureError: there is no such preset, or a field is unknown or outside its rule.
    """
    if name not in list_models():
        for family in list_families():
            get_family(family)  # a model of an entry point's family, which is loaded by this
    for loaded in _families.values():
        if name in loaded.presets:
            return loaded.presets[name].replace(**overrides)
    raise ArchitectureError(f"unknown model {name!r}", hint=did_you_mean(name, list_models()))


def find_architecture(source: str | Path | Architecture, **overrides: Any) -> Architecture:
    """An architecture by the name of a preset or from its file, with some fields changed.

    Raises:
        ArchitectureError: the source is unknown, or a field is unknown or outside its rule.
    """
    if isinstance(source, Architecture):
        return source.replace(**overrides)
    if isinstance(source, Path) or source.endswith(".json") or Path(source).is_dir():
        return load_architecture(source).replace(**overrides)
    return get_architecture(source, **overrides)


def architecture(point: Point, task: Task) -> Architecture:
    """The architecture at a point of a search space.

    Raises:
        ArchitectureError: a value is unknown or outside its rule.
        GeometryError: the task's image is too small for it.
    """
    return get_family(point.family).architecture(point.values, task)


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
    file = file / ARCHITECTURE_FILE if file.is_dir() else file
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

    ``create_model("densenet121", num_classes=10, in_channels=1)``

    Raises:
        ArchitectureError: the source is unknown, or a field is unknown or outside its rule.
    """
    return build_model(find_architecture(source, **overrides))


def _entry_points() -> metadata.EntryPoints:
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
