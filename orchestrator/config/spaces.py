"""``[space.<family>]``: one value, choices or a range for each axis, handed to the family that knows its rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orchestrator.config.problems import KeyPath, Problems
from orchestrator.config.tables import check_keys
from orchestrator.errors import did_you_mean
from search_spaces.architecture import Task
from search_spaces.axes import Axis, Entry, base_name
from search_spaces.errors import ArchitectureError
from search_spaces.family import Family
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value
from search_spaces.registry import get_family, list_families
from search_spaces.rules import Number, OneOrEach, WholeNumber
from search_spaces.space import FamilySpace, SearchSpace

DEFAULT_FAMILIES = ("densenet", "resnet", "mobilenet")
"""Searched where a study names no family; one that is installed later changes no study."""

RANGE_KEYS = ("low", "high", "step", "log")
MAX_CHOICES = 256
_MAX_VALUES = 1_000_000
_FORMS = "must be one value, a list of choices or a range such as {low = 8, high = 24}"


def read_space(table: Any, task: Task, problems: Problems) -> SearchSpace | None:
    """The space of all families that the table names; None where something is wrong with it."""
    if not isinstance(table, dict):
        problems.add(("space",), "must be a table", value=table, hint="write [space.densenet] above its axes")
        return None
    # Listing the families that are installed beside ours takes 30 ms.
    known = DEFAULT_FAMILIES if set(table) <= set(DEFAULT_FAMILIES) else list_families()
    for name in [name for name in table if name not in known][:MAX_CHOICES]:
        problems.add(("space", name), "unknown family", hint=did_you_mean(name[:100], known))
    names = [name for name in known if name in table] if table else known
    spaces = [_read_family(name, table.get(name, {}), task, problems) for name in names]
    found = tuple(space for space in spaces if space is not None)
    return SearchSpace(families=found) if found and problems.is_clean(("space",)) else None


def _read_family(name: str, table: Any, task: Task, problems: Problems) -> FamilySpace | None:
    path = ("space", name)
    try:
        family = get_family(name)
    except ArchitectureError as error:
        problems.add(path, error.message, hint=error.hint)
        return None
    if not isinstance(table, dict):
        problems.add(path, "must be a table", value=table, hint=f"write [space.{family.name}] above its axes")
        return None
    if not table:
        return family.default_space(task)
    entries = _read_entries(family, table, problems)
    for refusal in family.problems(entries):
        problems.add_refusal(path, refusal.message, hint=refusal.hint)
    if not problems.is_clean(path):
        return None
    try:
        return family.space(entries, task)
    except ArchitectureError as error:
        problems.add_refusal(path, error.message, hint=error.hint)
        return None


def _read_entries(family: Family, table: Mapping[str, Any], problems: Problems) -> dict[str, Entry]:
    path = ("space", family.name)
    known = {name: base for name in table if (base := base_name(family.axes, name)) is not None}
    check_keys(path, table, [*family.axes, *known], problems)
    entries = {}
    for name, base in known.items():
        entry = _read_entry(name, table[name], family.axes[base], path, problems)
        if entry is not None:
            entries[name] = entry
    return entries


def _read_entry(name: str, value: Any, axis: Axis, path: KeyPath, problems: Problems) -> Entry | None:
    match value:
        case dict():
            return _read_range(name, value, axis, path, problems)
        case list() if axis.holds_list and not any(isinstance(item, list) for item in value):
            return tuple(value)
        case list():
            return _read_choices(name, value, (*path, name), problems)
        case bool() | int() | float() | str():
            return value
        case _:
            problems.add((*path, name), _FORMS, value=value)
            return None


def _read_choices(name: str, items: list[Any], path: KeyPath, problems: Problems) -> ChoiceParameter | None:
    if not 1 <= len(items) <= MAX_CHOICES:
        rule = f"has {len(items):,} choices, the limit is {MAX_CHOICES}" if items else "needs at least one choice"
        problems.add(path, rule, value=items)
        return None
    choices: list[Value] = []
    for index, item in enumerate(items):
        choice = tuple(item) if isinstance(item, list) else item
        if not _is_value(choice):
            problems.add((*path, index), "is no value that an axis can have", value=item)
        elif choice in choices:
            problems.add((*path, index), "is listed twice", value=item, hint="keep one")
        else:
            choices.append(choice)
    return ChoiceParameter(name=name, choices=tuple(choices)) if problems.is_clean(path) else None


def _is_value(choice: Any) -> bool:
    if isinstance(choice, tuple):
        return all(isinstance(item, int) and not isinstance(item, bool) for item in choice)
    return isinstance(choice, int | float | str)


def _read_range(name: str, table: Mapping[str, Any], axis: Axis, path: KeyPath, problems: Problems) -> Parameter | None:
    within = (*path, name)
    check_keys(within, table, RANGE_KEYS, problems)
    for end in ("low", "high"):
        if end not in table and problems.is_clean(within):
            problems.add(within, f'needs "{end}"', value=table)
    is_whole = isinstance(axis.rule, WholeNumber)
    for key in ("low", "high", "step"):
        if key in table and not _is_number(table[key], is_whole=is_whole):
            rule = "must be a whole number" if is_whole else "must be a finite number"
            problems.add((*within, key), rule, value=table[key])
    if not isinstance(table.get("log", False), bool):
        problems.add((*within, "log"), "must be true or false", value=table["log"])
    if not problems.is_clean(within):
        return None
    try:
        parameter = _range(name, table, axis)
    except ArchitectureError as error:
        problems.add_refusal(path, error.message, hint=error.hint)
        return None
    _check_step(parameter, within, problems)
    return parameter


def _range(name: str, table: Mapping[str, Any], axis: Axis) -> IntParameter | FloatParameter:
    low, high, step, log = table["low"], table["high"], table.get("step"), table.get("log", False)
    numbers = [number for number in (low, high, step) if number is not None]
    if _is_real(axis) or any(isinstance(number, float) for number in numbers):
        step = None if step is None else float(step)
        return FloatParameter(name=name, low=float(low), high=float(high), step=step, log=log)
    return IntParameter(name=name, low=low, high=high, step=1 if step is None else step, log=log)


def _check_step(parameter: IntParameter | FloatParameter, path: KeyPath, problems: Problems) -> None:
    low, high, step = parameter.low, parameter.high, parameter.step
    if step is None or (isinstance(parameter, IntParameter) and step == 1):
        return
    num_steps = (high - low) / step
    if num_steps > _MAX_VALUES:
        problems.add((*path, "step"), f"gives more than {_MAX_VALUES:,} values", value=step, hint="take a larger one")
    elif abs(num_steps - round(num_steps)) > 1e-6:
        last = low + math.floor(num_steps + 1e-9) * step
        problems.warn((*path, "step"), f"range {low:g}..{high:g} ends at {last:g}, not at {high:g}", value=step)


def _is_real(axis: Axis) -> bool:
    rule = axis.rule.rule if isinstance(axis.rule, OneOrEach) else axis.rule
    return isinstance(rule, Number)


def _is_number(value: Any, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return False
    return math.isfinite(value)
