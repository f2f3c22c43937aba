"""Tables of a study file that become one dataclass each: keys against its fields, values against their annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from orchestrator.config.problems import KeyPath, Problems
from orchestrator.config.settings import (
    Budget,
    Confirmation,
    DataSettings,
    LatencySettings,
    Recipe,
    Resources,
    StudySettings,
    Tracking,
)
from search_spaces.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SETTINGS: Mapping[str, type[Any]] = {
    "study": StudySettings,
    "data": DataSettings,
    "recipe": Recipe,
    "latency": LatencySettings,
    "budget": Budget,
    "confirm": Confirmation,
    "resources": Resources,
    "tracking": Tracking,
}

_MAX_UNKNOWN_KEYS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """The tables of ``SETTINGS``, read."""

    study: StudySettings
    data: DataSettings
    recipe: Recipe
    latency: LatencySettings
    budget: Budget
    confirm: Confirmation
    resources: Resources
    tracking: Tracking


def read_tables(tables: Mapping[str, Any], problems: Problems) -> Tables:
    """Every such table; a value that is left out, or that has a problem, is its default."""
    return Tables(**{name: _read_settings(name, tables.get(name, {}), problems) for name in SETTINGS})


def check_keys(path: KeyPath, table: Any, problems: Problems, *, known: Iterable[str]) -> bool:
    """Refuses what is no table, and every key that is not known; False where it is no table."""
    if not isinstance(table, dict):
        problems.add(path, "must be a table", value=table, hint=f"write [{path[-1]}] above its settings")
        return False
    words = list(known)
    unknown = [key for key in table if key not in words]
    for key in unknown[:_MAX_UNKNOWN_KEYS]:
        problems.add((*path, key), "unknown key", value=table[key], hint=did_you_mean(key[:100], words))
    if len(unknown) > _MAX_UNKNOWN_KEYS:
        problems.add(path, f"has {len(unknown) - _MAX_UNKNOWN_KEYS:,} more unknown keys")
    return True


@cache
def field_adapters(name: str) -> Mapping[str, TypeAdapter[Any]]:
    """What checks each field of the table ``[name]``, by the field's annotation alone."""
    from pydantic import ConfigDict, TypeAdapter

    adapters: dict[str, TypeAdapter[Any]] = {}
    for field, hint in get_type_hints(SETTINGS[name], include_extras=True).items():
        # Strict keeps true from being 1 and "3" from being 3; an enum is written by its value.
        is_enum = isinstance(hint, type) and issubclass(hint, StrEnum)
        adapters[field] = TypeAdapter(hint, config=ConfigDict(strict=not is_enum, allow_inf_nan=False))
    return adapters


def _read_settings(name: str, table: Any, problems: Problems) -> Any:
    adapters = field_adapters(name)
    values: dict[str, Any] = {}
    if check_keys((name,), table, problems, known=adapters):
        for key in (key for key in table if key in adapters):
            values.update(_accepted((name, key), table[key], problems, adapter=adapters[key]))
    return SETTINGS[name](**values)


def _accepted(path: KeyPath, value: Any, problems: Problems, *, adapter: TypeAdapter[Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        # TOML has lists where settings are tuples.
        return {str(path[-1]): adapter.validate_python(tuple(value) if isinstance(value, list) else value)}
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            rule, hint = _rule(detail["type"], detail.get("ctx", {}), value)
            problems.add(path, rule, value=value, hint=hint)
    return {}


_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}
_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "tuple_type": "a list",
}


def _rule(kind: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """The rule that was broken, and a way out, in place of pydantic's words."""
    if kind == "enum":
        return _enum_rule(str(context["expected"]), value)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"must be {words} {_number(context[key])}", ""
    return f"must be {_TYPES[kind]}", _quoted(value) if kind == "string_type" else ""


def _enum_rule(expected: str, value: Any) -> tuple[str, str]:
    words = [word for word in expected.split("'") if word.strip() and word not in (", ", " or ")]
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    listed = ", ".join(f'"{word}"' for word in words)
    return f"must be one of {listed}", hint if hint.startswith("did you mean") else ""


def _quoted(value: Any) -> str:
    return f'write it in quotes: "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
