"""The JSON schema of study files, for editors; what it can't say is checked where the file is read."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

from orchestrator.config import durations
from orchestrator.config.consistency import MAX_NAME_LENGTH
from orchestrator.config.goals import DEFAULT_OBJECTIVES
from orchestrator.config.space_schema import family_schema
from orchestrator.config.tables import SETTINGS, field_adapters
from orchestrator.objectives import ACCURACY, DIRECTIONS, Direction, quantity_example, quantity_units
from search_spaces.registry import usable_families

# The newest draft that TOML editors (taplo, Even Better TOML) read.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_AMOUNT = r"[0-9][0-9_,]*\.?[0-9]*([eE][+-]?[0-9]+)?"


def json_schema() -> dict[str, Any]:
    """The schema of a whole study file."""
    tables = {name: _settings_schema(name) for name in SETTINGS}
    tables["study"]["properties"]["name"]["pattern"] = rf"^(?!\.\.?$)[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}$"
    tables["budget"]["properties"]["wall_time"]["pattern"] = f"^({durations.PATTERN})?$"
    tables["space"] = _table(
        "The families that are searched; all of them, with default spaces, where none is named.",
        {family.name: family_schema(family) for family in usable_families()},
    )
    tables["objectives"] = _table("What is optimised.", {one.value: _objectives_schema(one) for one in Direction})
    tables["constraints"] = _table(
        "Limits; what breaks one never stands on the front.", {name: _constraint_schema(name) for name in DIRECTIONS}
    )
    return {"$schema": _DRAFT, "title": "archfront study", **_table("A study file of archfront.", tables)}


def _table(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _settings_schema(table: str) -> dict[str, Any]:
    """The schema of one dataclass: rules from its annotations, words from its docstring."""
    settings = SETTINGS[table]
    words = _attribute_words(settings)
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    properties = {}
    for name, adapter in field_adapters(table).items():
        schema = {**adapter.json_schema(), "title": name}
        if name in words:
            schema["description"] = words[name]
        default = defaults[name]
        properties[name] = {**schema, "default": str(default) if isinstance(default, str) else default}
    summary = (inspect.getdoc(settings) or "").partition("\n\n")[0].partition("``: ")[2]
    return _table(summary[:1].upper() + summary[1:], properties)


def _attribute_words(settings: type[Any]) -> dict[str, str]:
    """What the section ``Attributes`` of a docstring says of each field."""
    section = (inspect.getdoc(settings) or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def _objectives_schema(direction: Direction) -> dict[str, Any]:
    names = [name for name, one in DIRECTIONS.items() if one is direction]
    schema: dict[str, Any] = {
        "type": "array",
        "description": f"Figures to {direction}.",
        "items": {"enum": names},
        "uniqueItems": True,
        "default": list(DEFAULT_OBJECTIVES[direction]),
    }
    return {**schema, "contains": {"const": ACCURACY}} if direction is Direction.MAXIMIZE else schema


def _constraint_schema(name: str) -> dict[str, Any]:
    relation = "<=" if DIRECTIONS[name] is Direction.MINIMIZE else ">="
    units = "|".join(_in_either_case(unit) for unit in quantity_units(name))
    text = {"type": "string", "pattern": rf"^\s*({relation})?\s*{_AMOUNT}\s*({units})\s*$"}
    description = f'A limit such as "{relation} {quantity_example(name)}".'
    if "" not in quantity_units(name):
        return {**text, "description": description}
    number: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0}
    if name == ACCURACY:
        number["maximum"] = 1
    return {"oneOf": [text, number], "description": description}


def _in_either_case(unit: str) -> str:
    letters = (f"[{one}{one.upper()}]" if one.isascii() and one.isalpha() else one for one in unit)
    return "".join(letters)
