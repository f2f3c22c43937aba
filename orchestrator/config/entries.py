"""What a study file says of one axis: one value, a list of choices, or a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from orchestrator.config.problems import KeyPath, Problems
from orchestrator.config.tables import check_keys
from search_spaces.axes import Axis, Entry
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value
from search_spaces.rules import Flag, Number, OneOf, OneOrEach, WholeNumber, WholeNumbers

RANGE_KEYS = ("low", "high", "step", "log")
MAX_CHOICES = 256
_MAX_VALUES = 1_000_000
_FORMS = "must be one value, a list of choices or a range such as {low = 8, high = 24}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The axis ``name`` as it stands in a study file."""

    name: str
    value: Any
    axis: Axis
    path: KeyPath

    @property
    def is_list_value(self) -> bool:
        """Whether a list is one value, and not choices."""
        return self.axis.holds_list and not any(isinstance(item, list) for item in self.value)

    @property
    def is_real(self) -> bool:
        """Whether the axis has real numbers, even between ends such as 1 and 2."""
        rule = self.axis.rule
        return isinstance(rule.rule if isinstance(rule, OneOrEach) else rule, Number)


def read_entry(written: Written, problems: Problems) -> Entry | None:
    """The parameter or the value; None where something is wrong with it."""
    match written.value:
        case dict() as table if isinstance(written.axis.rule, OneOf | Flag | WholeNumbers):
            problems.add(written.path, "can't be a range", value=table, hint="list its choices")
            return None
        case dict():
            return _read_range(written, problems)
        case list() as items:
            return tuple(items) if written.is_list_value else _read_choices(written, problems)
        case bool() | int() | float() | str() as value:
            return value
        case value:
            problems.add(written.path, _FORMS, value=value)
            return None


def _read_choices(written: Written, problems: Problems) -> ChoiceParameter | None:
    items = written.value
    if not 1 <= len(items) <= MAX_CHOICES:
        rule = f"has {len(items):,} choices, the limit is {MAX_CHOICES}" if items else "needs at least one choice"
        problems.add(written.path, rule, value=items)
        return None
    choices: list[Value] = []
    for index, item in enumerate(items):
        choice = tuple(item) if isinstance(item, list) else item
        if not _is_value(choice):
            problems.add((*written.path, index), "is no value that an axis can have", value=item)
        elif choice in choices:
            problems.add((*written.path, index), "is listed twice", value=item, hint="keep one")
        else:
            choices.append(choice)
    if not problems.is_clean(written.path):
        return None
    return ChoiceParameter(name=written.name, choices=tuple(choices))


def _is_value(choice: Any) -> bool:
    if isinstance(choice, tuple):
        return all(isinstance(item, int) and not isinstance(item, bool) for item in choice)
    return isinstance(choice, int | float | str)


def _read_range(written: Written, problems: Problems) -> Parameter | None:
    _check_range_keys(written, problems)
    if not problems.is_clean(written.path):
        return None
    try:
        parameter = _range(written)
    except ArchitectureError as error:
        problems.add_refusal(written.path[:-1], error.message, hint=error.hint)
        return None
    _check_step(parameter, written.path, problems)
    return parameter


def _check_range_keys(written: Written, problems: Problems) -> None:
    table, path = written.value, written.path
    check_keys(path, table, problems, known=RANGE_KEYS)
    is_whole = isinstance(written.axis.rule, WholeNumber)
    for key in ("low", "high", "step"):
        if key in table and not _is_number(table[key], is_whole=is_whole):
            rule = "must be a whole number" if is_whole else "must be a finite number"
            problems.add((*path, key), rule, value=table[key])
    if not isinstance(table.get("log", False), bool):
        problems.add((*path, "log"), "must be true or false", value=table["log"])
    for end in ("low", "high"):
        # A misspelt end was found above.
        if end not in table and problems.is_clean(path):
            problems.add(path, f'needs "{end}"', value=table)


def _range(written: Written) -> IntParameter | FloatParameter:
    table, name = written.value, written.name
    low, high, step, log = table["low"], table["high"], table.get("step"), table.get("log", False)
    if written.is_real or any(isinstance(number, float) for number in (low, high, step)):
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


def _is_number(value: Any, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return False
    return math.isfinite(value)
