"""What makes two studies the same: the frozen settings as JSON values, their hash, their differences, the way back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from orchestrator.config.frozen_space import axis_text, space_from_json, space_to_json
from orchestrator.config.settings import (
    Budget,
    DataSettings,
    LatencySettings,
    Recipe,
    Resources,
    SearchConfig,
    StudySettings,
    Tracking,
)
from orchestrator.errors import StudyError
from orchestrator.objectives import DIRECTIONS, Constraint, Direction, Objective
from search_spaces.architecture import Task

SCHEMA_VERSION = 1

_COMPLETED: Mapping[str, type[Any]] = {
    "study": StudySettings,
    "data": DataSettings,
    "recipe": Recipe,
    "latency": LatencySettings,
}


def frozen_settings(config: SearchConfig) -> dict[str, Any]:
    """What may not change in the life of a study; budget, concurrency, attempts, engine and tracking may.

    JSON values only; two configs with equal frozen settings make the same study.
    """
    study = _fields(config.study)
    # A name says where a study lies, not what it is.
    del study["name"]
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study,
        "data": _fields(config.data),
        "task": _fields(config.task),
        "space": space_to_json(config.space),
        "objectives": [{"name": one.name, "direction": str(one.direction)} for one in config.objectives],
        "constraints": [{"name": one.name, "bound": one.bound} for one in config.constraints],
        "recipe": _fields(config.recipe),
        "latency": _fields(config.latency),
        "resources": _frozen_resources(config),
    }


def _frozen_resources(config: SearchConfig) -> dict[str, Any]:
    """What trials run on, as far as results depend on it: with a lag, suggestions depend on the concurrency, too."""
    frozen: dict[str, Any] = {"workers_per_trial": config.resources.workers_per_trial}
    if config.study.reproducible:
        frozen["max_concurrent_trials"] = config.resources.max_concurrent_trials
        frozen["cpus_per_worker"] = config.resources.cpus_per_worker
    return frozen


def config_hash(frozen: Mapping[str, Any]) -> str:
    """SHA-256 of frozen settings in one canonical form, as hexadecimal digits."""
    text = json.dumps(frozen, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines such as ``recipe.epochs: 12 -> 20``; none only where the settings are equal."""
    old, new = completed(old), completed(new)
    before, after = _texts(old), _texts(new)
    lines = [
        f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    if not lines and config_hash(old) != config_hash(new):
        lines.append("the order of families, axes, objectives or constraints is another")
    return lines


def completed(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """Frozen settings with those that were added since they were stored, which have their defaults."""
    defaults = {name: _fields(table()) for name, table in _COMPLETED.items()}
    return {
        name: {**defaults[name], **value} if name in defaults and isinstance(value, Mapping) else value
        for name, value in frozen.items()
    }


def from_frozen(
    frozen: Mapping[str, Any],
    *,
    name: str,
    budget: Budget | None = None,
    resources: Resources | None = None,
    tracking: Tracking | None = None,
) -> SearchConfig:
    """The config that a stored study was made from, with free settings as they are given.

    Raises:
        StudyError: a newer archfront wrote it, or it is no frozen config.
    """
    version = frozen.get("schema_version")
    if version != SCHEMA_VERSION:
        raise StudyError(f"schema_version = {version} of the study's settings: this archfront reads {SCHEMA_VERSION}")
    try:
        frozen_resources: dict[str, Any] = {name: int(value) for name, value in frozen["resources"].items()}
        return SearchConfig(
            study=_settings(StudySettings, {**frozen["study"], "name": name}),
            data=_settings(DataSettings, frozen["data"]),
            task=_settings(Task, frozen["task"]),
            space=space_from_json(frozen["space"]),
            objectives=tuple(_objective(one) for one in frozen["objectives"]),
            constraints=tuple(Constraint(name=one["name"], bound=one["bound"]) for one in frozen["constraints"]),
            recipe=_settings(Recipe, frozen["recipe"]),
            latency=_settings(LatencySettings, frozen["latency"]),
            budget=budget or Budget(),
            resources=dataclasses.replace(resources or Resources(), **frozen_resources),
            tracking=tracking or Tracking(),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StudyError(f"the study's settings can't be read: {error}", hint="update archfront") from error


def _fields(settings: Any) -> dict[str, Any]:
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """As JSON gives it back: enums are texts, tuples are lists."""
    if isinstance(value, str):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _settings(settings: type[Any], fields: Mapping[str, Any]) -> Any:
    """The dataclass of JSON values; a field that is absent was added later and has its default."""
    enums = {
        field.name: type(field.default) for field in dataclasses.fields(settings) if isinstance(field.default, Enum)
    }
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return settings(**{name: enums[name](value) if name in enums else value for name, value in values.items()})


def _objective(fields: Mapping[str, Any]) -> Objective:
    return Objective(name=fields["name"], direction=Direction(fields["direction"]))


def _texts(frozen: Mapping[str, Any]) -> dict[str, str]:
    """Every frozen setting by the name that a person knows it by."""
    texts = {}
    for table, value in frozen.items():
        match table:
            case "space":
                texts.update(_space_texts(value))
            case "objectives":
                texts.update({f"objectives.{one['name']}": one["direction"] for one in value})
            case "constraints":
                texts.update({f"constraints.{one['name']}": _constraint_text(one) for one in value})
            case _ if isinstance(value, Mapping):
                texts.update({f"{table}.{name}": json.dumps(item, ensure_ascii=False) for name, item in value.items()})
            case _:
                texts[table] = json.dumps(value)
    return texts


def _constraint_text(fields: Mapping[str, Any]) -> str:
    """Exact, so that two limits that differ read differently."""
    bound = fields["bound"]
    relation = "<=" if DIRECTIONS[fields["name"]] is Direction.MINIMIZE else ">="
    return f"{relation} {bound:,.0f}" if float(bound).is_integer() else f"{relation} {bound!r}"


def _space_texts(families: list[Mapping[str, Any]]) -> dict[str, str]:
    texts = {f"space.{one['family']}": "searched" for one in families}
    for one in families:
        prefix = f"space.{one['family']}"
        texts |= {f"{prefix}.{name}": json.dumps(value) for name, value in one["fixed"].items()}
        texts |= {f"{prefix}.{axis['name']}": axis_text(axis) for axis in one["parameters"]}
    return texts
