"""A study file to start from: every table and key, with its meaning and its default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.config.consistency import study_name
from orchestrator.config.schema import json_schema
from orchestrator.objectives import DIRECTIONS, Direction, quantity_example
from search_spaces.architecture import Task
from search_spaces.axes import Axis, Entry
from search_spaces.family import Family
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter
from search_spaces.registry import usable_families

WIDTH = 112

_HEAD = """\
#:schema {schema}
# A study of archfront: search it with `archfront search {file}`, look first with `archfront plan {file}`.
# Every key is here with its default: take the # before it away and change it. `{schema}` tells editors
# what may stand where; `archfront schema` prints it.
"""
_SPACES = """\
# The families that are searched: leave a table out, and its family is not. Below each, its axes as they are
# searched by default in images of {image_size} pixels. An axis is one value, [a, list, of, choices], or a range.
"""
_ORDER = ("study", "data", "space", "objectives", "constraints", "recipe", "latency")
"""Tables that come first; any others follow as the schema has them."""

_SET = {"data": {"name"}}
"""Keys that stand there without a #."""


def study_template(file: str, schema: str, *, task: Task) -> str:
    """The text of a study file that is valid as it stands.

    Args:
        file: how it is called, for the words at its top.
        schema: where its JSON schema lies, as seen from the file.
        task: decides the default spaces that are shown.
    """
    tables: Mapping[str, Any] = json_schema()["properties"]
    names = [*_ORDER, *(name for name in tables if name not in _ORDER)]
    parts = [_HEAD.format(file=file, schema=schema)]
    for name in names:
        if name == "space":
            parts += [_SPACES.format(image_size=task.image_size), *(_family(one, task) for one in usable_families())]
        else:
            parts.append("\n".join(_table(name, tables[name], own_name=study_name(Path(file).stem))) + "\n")
    return "\n".join(parts)


def _table(name: str, schema: Mapping[str, Any], *, own_name: str) -> Iterator[str]:
    yield from _words(schema.get("description", ""))
    yield f"[{name}]"
    for key, one in schema["properties"].items():
        yield from _words(f"{key}: {_meaning(one)}")
        mark = "" if key in _SET.get(name, ()) else "#"
        default = own_name if (name, key) == ("study", "name") else _shown(name, key, one)
        yield f"{mark}{key} = {_value(default)}"


def _meaning(schema: Mapping[str, Any]) -> str:
    """What the schema says of a key, and which words it may be."""
    words = " ".join(str(schema.get("description", "")).partition("\n\n")[0].split()).replace("``", '"')
    choices = schema.get("enum", ())
    return f"{words.rstrip('.')}: {', '.join(choices)}." if choices else words


def _shown(table: str, key: str, schema: Mapping[str, Any]) -> Any:
    if table == "constraints":
        relation = "<=" if DIRECTIONS[key] is Direction.MINIMIZE else ">="
        return f"{relation} {quantity_example(key)}"
    return schema["default"]


def _family(family: Family, task: Task) -> str:
    entries: dict[str, Entry] = {**family.defaults(task), **family.default_entries(task)}
    lines = [f"[space.{family.name}]"]
    for name, axis in family.axes.items():
        lines += _words(_axis_words(name, axis))
        # Of an axis that repeats, each may have an entry of its own; one without any follows from other axes.
        own = [entry for entry in entries if entry == name or entry.rpartition("_")[0] == name]
        lines += [f"#{entry} = {_entry(entries[entry])}" for entry in own if entry == name or entry not in family.axes]
    return "\n".join(lines) + "\n"


def _axis_words(name: str, axis: Axis) -> str:
    words = f"{name}: {axis.meaning}"
    if axis.repeats:
        words += f"; {name}_1, {name}_2, ... are those of each alone"
    if axis.excludes:
        words += f"; not beside {' or '.join(axis.excludes)}"
    return words


def _entry(entry: Entry) -> str:
    match entry:
        case ChoiceParameter(choices=choices):
            return _value(list(choices))
        case IntParameter() | FloatParameter():
            ends = {"low": entry.low, "high": entry.high}
            if entry.step not in (None, 1):
                ends["step"] = entry.step
            inside = ", ".join(f"{name} = {_value(value)}" for name, value in ends.items())
            return f"{{ {inside}{', log = true' if entry.log else ''} }}"
        case _:
            return _value(entry)


def _value(value: Any) -> str:
    """TOML and JSON write these alike."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _words(text: str) -> Iterator[str]:
    if text:
        yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
