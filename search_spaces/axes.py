"""The names that a study may fix or search for one family, and the space that its entries describe."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter, Parameter, Value
from search_spaces.rules import Rule, WholeNumbers, is_whole
from search_spaces.space import FamilySpace

_T = TypeVar("_T")

Entry = Parameter | Value
"""What a study says of an axis: a range, choices, or one value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A name that a study may fix or search.

    Attributes:
        rule: what its values are.
        meaning: one line for a person.
        repeats: where set, the axis is written once and searched for each block or stage on its own:
            ``num_layers`` becomes ``num_layers_1 ... num_layers_n``; ``repeats`` names the axis that holds n.
        excludes: axes that say the same in another way; a study gives one or the other.
        condition: where the axis has an effect.
    """

    rule: Rule
    meaning: str
    repeats: str = ""
    excludes: tuple[str, ...] = ()
    condition: Condition | None = None

    @property
    def holds_list(self) -> bool:
        """Whether one value is a list: then ``[6, 12]`` is a value, and ``[[6, 12], [4, 8]]`` are choices."""
        return isinstance(self.rule, WholeNumbers)


Axes = Mapping[str, Axis]
"""All axes of a family, in the order in which they are searched: an axis after those that decide whether it exists."""


def problems(family: str, axes: Axes, entries: Mapping[str, Entry]) -> Iterator[ArchitectureError]:
    """Everything that is wrong with a study's entries for one family."""
    for name, entry in entries.items():
        base, where = base_name(axes, name), f"space.{family}.{name}"
        if base is None:
            yield ArchitectureError(f"{where}: unknown axis", hint=did_you_mean(name, axes))
        else:
            yield from _refusals(where, entry, axes[base].rule)
    for name, other in _clashes(axes, entries):
        yield ArchitectureError(f"space.{family}.{name} and {other} say the same", hint="give one of them")


def family_space(family: str, axes: Axes, entries: Mapping[str, Entry], defaults: Mapping[str, Value]) -> FamilySpace:
    """The space of a study's entries, with every axis that they leave out fixed at its default.

    Raises:
        ArchitectureError: the first of ``problems``, or an entry without effect.
    """
    for problem in problems(family, axes, entries):
        raise problem
    given = complete(axes, entries, defaults)
    parameters: list[Parameter] = []
    fixed: dict[str, Value] = {}
    for name in axes:
        for numbered, entry in _repeated(family, axes, name, given):
            if isinstance(entry, IntParameter | FloatParameter | ChoiceParameter):
                parameters.append(entry)
            else:
                fixed[numbered] = entry
    return FamilySpace(family=family, parameters=tuple(parameters), fixed=fixed)


def complete(axes: Axes, entries: Mapping[str, _T], defaults: Mapping[str, Value]) -> dict[str, _T | Value]:
    """The entries, and the defaults that they neither give nor say in another way."""
    completed: dict[str, _T | Value] = dict(entries)
    given = {base_name(axes, name) for name in entries}
    for name, value in defaults.items():
        if name not in completed and not given.intersection(axes[name].excludes):
            completed[name] = value
            given.add(name)
    return completed


def accepted(family: str, axes: Axes, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values in the form that their rules give them.

    Raises:
        ArchitectureError: a name is unknown, a value outside its rule, or two say the same.
    """
    checked = {}
    for name, value in values.items():
        base = base_name(axes, name)
        if base is None:
            raise ArchitectureError(f"{family} has no axis {name!r}", hint=did_you_mean(name, axes))
        checked[name] = axes[base].rule.accept(name, value)
    for name, other in _clashes(axes, values):
        raise ArchitectureError(f"{family}: {name} and {other} say the same", hint="give one of them")
    return checked


def described(axes: Axes, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all axes that say what an architecture's fields say: also ``num_layers_2`` of ``block_config``.

    Not every architecture is the one that they describe: a list of widths need not double its first.
    """
    counts = {axis.repeats for axis in axes.values() if axis.repeats}
    values = {name: fields[name] for name in axes if name in fields}
    for name, axis in axes.items():
        spelt = next((fields[other] for other in axis.excludes if axes[other].holds_list and other in fields), None)
        if name in values or spelt is None:
            continue
        if axis.repeats:
            values |= {f"{name}_{index}": element for index, element in enumerate(spelt, start=1)}
        else:
            values[name] = len(spelt) if name in counts else spelt[0]
    return values


def each(values: Mapping[str, Any], name: str, count: int) -> tuple[Any, ...]:
    """The values of a repeated axis: ``num_layers_2`` where it is given, else ``num_layers`` for all.

    Raises:
        ArchitectureError: neither is given.
    """
    return tuple(_either(values, f"{name}_{index}", name, where="") for index in range(1, count + 1))


def base_name(axes: Axes, name: str) -> str | None:
    """The axis that an entry belongs to, ``num_layers`` for ``num_layers_2``; None where there is none."""
    if name in axes:
        return name
    match = re.fullmatch(r"(\w+)_[1-9]\d*", name)
    return match[1] if match and match[1] in axes and axes[match[1]].repeats else None


def _clashes(axes: Axes, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of axes that are given and exclude each other, each pair once."""
    given = {base_name(axes, name) for name in names}
    ordered = [name for name in axes if name in given]
    for index, name in enumerate(ordered):
        yield from ((name, other) for other in ordered[index + 1 :] if other in axes[name].excludes)


def _repeated(family: str, axes: Axes, name: str, given: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """The entries that one axis stands for, under the names that they are searched by."""
    axis = axes[name]
    numbered = [key for key in given if key != name and base_name(axes, key) == name]
    if not axis.repeats or not (numbered or _is_searched(given.get(name))):
        if name in given:
            yield name, _parameter(name, given[name], _condition(axis, given))
        return
    if axis.repeats not in given:
        raise ArchitectureError(f"space.{family}.{name} needs {axis.repeats}", hint=f"give {axis.repeats}, too")
    counts = _whole_values(given[axis.repeats])
    for key in numbered:
        if int(key.rpartition("_")[2]) > max(counts):
            raise ArchitectureError(
                f"space.{family}.{key} has no effect: {axis.repeats} is at most {max(counts)}", hint="leave it out"
            )
    for index in range(1, max(counts) + 1):
        key = f"{name}_{index}"
        allowed = tuple(count for count in counts if count >= index)
        condition = None if allowed == counts else Condition(parameter=axis.repeats, values=allowed)
        yield key, _parameter(key, _either(given, key, name, where=f"space.{family}."), condition)


def _either(values: Mapping[str, _T], key: str, name: str, *, where: str) -> _T:
    """What is said of one block, else of all."""
    if key in values:
        return values[key]
    if name in values:
        return values[name]
    raise ArchitectureError(f"{where}{key} is missing", hint=f"give it, or {name} for all that are left out")


def _condition(axis: Axis, given: Mapping[str, Entry]) -> Condition | None:
    """The axis' condition, where another axis decides it in this space."""
    return axis.condition if axis.condition is not None and _is_searched(given.get(axis.condition.parameter)) else None


def _parameter(name: str, entry: Entry, condition: Condition | None) -> Entry:
    if isinstance(entry, IntParameter | FloatParameter | ChoiceParameter):
        return dataclasses.replace(entry, name=name, condition=condition or entry.condition)
    return entry


def _is_searched(entry: Entry | None) -> bool:
    return isinstance(entry, IntParameter | FloatParameter | ChoiceParameter)


def _whole_values(entry: Entry) -> tuple[int, ...]:
    """Every value that a count can have."""
    match entry:
        case IntParameter():
            return tuple(range(entry.low, entry.high + 1, entry.step))
        case ChoiceParameter():
            return tuple(choice for choice in entry.choices if is_whole(choice))
        case _:
            assert is_whole(entry)
            return (entry,)


def _refusals(where: str, entry: Entry, rule: Rule) -> Iterator[ArchitectureError]:
    match entry:
        case IntParameter() | FloatParameter():
            parts: list[tuple[str, Value]] = [(f"{where}.low", entry.low), (f"{where}.high", entry.high)]
        case ChoiceParameter():
            parts = [(where, choice) for choice in entry.choices]
        case _:
            parts = [(where, entry)]
    for name, value in parts:
        try:
            rule.accept(name, value)
        except ArchitectureError as error:
            yield error
