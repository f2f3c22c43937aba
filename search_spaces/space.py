"""A conditional space of architectures: first the family, then that family's own axes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value

Choose = Callable[[str, Parameter], Value]
"""Picks the value of one axis; its first argument is the axis' name with the family's prefix."""

FAMILY = "family"
"""Name of the axis that picks the family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One point of a space: a family and a value for each of its active axes."""

    family: str
    values: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilySpace:
    """The axes of one family; what is not an axis keeps the value in ``fixed``, else the family's default.

    An axis comes after the axis that its condition names.
    """

    family: str
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, Value]

    def __post_init__(self) -> None:
        seen = set(self.fixed)
        for parameter in self.parameters:
            if parameter.name in seen:
                raise ArchitectureError(f"space.{self.family}.{parameter.name} is given twice")
            if parameter.condition is not None and parameter.condition.parameter not in seen:
                raise ArchitectureError(
                    f"space.{self.family}.{parameter.name} depends on an axis that does not come before it"
                )
            seen.add(parameter.name)

    def resolve(self, choose: Choose) -> dict[str, Value]:
        """Asks ``choose`` for every axis that is active, in order."""
        values: dict[str, Value] = dict(self.fixed)
        for parameter in self.parameters:
            if is_active(parameter, values):
                values[parameter.name] = choose(f"{self.family}.{parameter.name}", parameter)
        return values

    def points(self) -> Iterator[Point]:
        """Every point, in the order of the axes.

        Raises:
            ArchitectureError: an axis is continuous.
        """
        for values in _combinations(self.parameters, dict(self.fixed)):
            yield Point(family=self.family, values=values)

    @property
    def num_points(self) -> float:
        """How many points there are; infinite where an axis is continuous."""
        return _count(self.parameters, dict(self.fixed))


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSpace:
    """All families of a study."""

    families: tuple[FamilySpace, ...]

    @property
    def family_parameter(self) -> ChoiceParameter:
        return ChoiceParameter(name=FAMILY, choices=tuple(space.family for space in self.families))

    def __getitem__(self, family: str) -> FamilySpace:
        return next(space for space in self.families if space.family == family)

    def resolve(self, choose: Choose) -> Point:
        """Builds a point by asking for the family, then for each active axis of it."""
        family = choose(FAMILY, self.family_parameter)
        assert isinstance(family, str)
        return Point(family=family, values=self[family].resolve(choose))

    def sample(self, rng: random.Random) -> Point:
        """A point drawn uniformly: the family first, then each axis on its own."""
        return self.resolve(lambda _name, parameter: draw(parameter, rng))

    def points(self) -> Iterator[Point]:
        """Every point, family by family.

        Raises:
            ArchitectureError: an axis is continuous.
        """
        for space in self.families:
            yield from space.points()

    @property
    def num_points(self) -> float:
        return sum(space.num_points for space in self.families)


def is_active(parameter: Parameter, values: Mapping[str, Value]) -> bool:
    """Whether the axis exists, given the values chosen before it."""
    condition = parameter.condition
    return condition is None or values.get(condition.parameter) in condition.values


def contains(parameter: Parameter, value: Value | None) -> bool:
    """Whether an axis can have a value."""
    if isinstance(parameter, ChoiceParameter):
        return value in parameter.choices
    if isinstance(value, bool) or not isinstance(value, int | float) or not parameter.low <= value <= parameter.high:
        return False
    if isinstance(parameter, IntParameter):
        return isinstance(value, int) and (value - parameter.low) % parameter.step == 0
    return parameter.step is None or value in grid(parameter)


def draw(parameter: Parameter, rng: random.Random) -> Value:
    """One value of the axis, uniform on its scale."""
    match parameter:
        case ChoiceParameter():
            return rng.choice(parameter.choices)
        case IntParameter(log=True):
            exponent = rng.uniform(math.log(parameter.low), math.log(parameter.high + 1))
            return min(parameter.high, max(parameter.low, int(math.exp(exponent))))
        case IntParameter():
            return parameter.low + parameter.step * rng.randrange(int(parameter.num_values))
        case FloatParameter(log=True):
            drawn = math.exp(rng.uniform(math.log(parameter.low), math.log(parameter.high)))
            return min(parameter.high, max(parameter.low, drawn))  # exp(log(0.1)) is above 0.1
        case FloatParameter(step=None):
            return rng.uniform(parameter.low, parameter.high)
        case FloatParameter():
            return _step_value(parameter, rng.randrange(int(parameter.num_values)))


def grid(parameter: Parameter) -> Iterator[Value]:
    """Every value of an axis that is not continuous."""
    match parameter:
        case ChoiceParameter():
            yield from parameter.choices
        case IntParameter():
            yield from range(parameter.low, parameter.high + 1, parameter.step)
        case FloatParameter(step=step):
            if step is None and parameter.low != parameter.high:
                raise ArchitectureError(f"{parameter.name} is continuous: its values can't be listed")
            for index in range(int(parameter.num_values)):
                yield _step_value(parameter, index)


def _step_value(parameter: FloatParameter, index: int) -> float:
    """A multiple of the step, written as a person would: 0.3 and not 0.30000000000000004, which may lie outside."""
    return min(parameter.high, round(parameter.low + index * (parameter.step or 0.0), 12))


def _combinations(parameters: tuple[Parameter, ...], values: dict[str, Value]) -> Iterator[dict[str, Value]]:
    if not parameters:
        yield values
        return
    head, tail = parameters[0], parameters[1:]
    if not is_active(head, values):
        yield from _combinations(tail, values)
        return
    for value in grid(head):
        yield from _combinations(tail, {**values, head.name: value})


def _count(parameters: tuple[Parameter, ...], values: dict[str, Value]) -> float:
    if not parameters:
        return 1
    head, tail = parameters[0], parameters[1:]
    if not is_active(head, values):
        return _count(tail, values)
    if not any(later.condition is not None and later.condition.parameter == head.name for later in tail):
        return head.num_values * _count(tail, values)
    return sum(_count(tail, {**values, head.name: value}) for value in grid(head))
