"""The rules that values are held to: type, range, and how a refusal reads."""

from __future__ import annotations

import json
import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.many import Many, number_type

_T = TypeVar("_T")


class Rule(ABC):
    """What one field or axis accepts; ``str(rule)`` completes the sentence ``compression = 2: ...``."""

    @abstractmethod
    def accept(self, name: str, value: object) -> Any:
        """The value in its one form: a list becomes a tuple, a whole number a float where floats are asked for.

        Raises:
            ArchitectureError: the value is of another type, or outside the range.
        """

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    @abstractmethod
    def example(self) -> object:
        """A value that is accepted, for the hint of a refusal."""

    def refuse(self, name: str, value: object, *, rule: str = "", hint: str = "") -> ArchitectureError:
        """The error for a value outside this rule, or outside a part of it."""
        example = f"write it like {show(self.example)}"
        return ArchitectureError(f"{name} = {show(value)}: {rule or self}", hint=hint or example)


@dataclass(frozen=True)
class WholeNumber(Rule):
    """An integer in ``[low, high]``; true and false are none."""

    low: int
    high: int

    def accept(self, name: str, value: object) -> int:
        if not is_whole(value):
            raise self.refuse(name, value, rule="must be a whole number")
        if not self.low <= value <= self.high:
            raise self.refuse(name, value, hint=_nearest(value, self.low, self.high))
        return _int(value)

    def __str__(self) -> str:
        return f"must be at least {self.low} and at most {self.high:,}"

    @property
    def example(self) -> int:
        return min(max(2, self.low), self.high)


@dataclass(frozen=True)
class Number(Rule):
    """A finite number in an interval whose ends may be open."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def accept(self, name: str, value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float, numbers.Real, Many)):
            raise self.refuse(name, value, rule="must be a number")
        number: Any = float(value) if isinstance(value, (int, float, numbers.Real)) else value
        if not -math.inf < number < math.inf or not self._contains(number):
            raise self.refuse(name, value)
        return number

    def _contains(self, number: float) -> bool:
        above = number > self.low if self.open_low else number >= self.low
        below = number < self.high if self.open_high else number <= self.high
        return above and below

    def __str__(self) -> str:
        left, right = "(["[not self.open_low], ")]"[not self.open_high]
        return f"must be in {left}{self.low:g}, {self.high:g}{right}"

    @property
    def example(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class OneOf(Rule):
    """One of a few values."""

    choices: tuple[str | int, ...]

    def accept(self, name: str, value: object) -> str | int:
        kind = number_type(value)
        for choice in self.choices:
            if kind is type(choice) and value == choice:
                return choice
        raise self.refuse(name, value, hint=self._hint(value))

    def _hint(self, value: object) -> str:
        words = [choice for choice in self.choices if isinstance(choice, str)]
        near = did_you_mean(value, words) if isinstance(value, str) else ""
        return near if near.startswith("did") else ""

    def __str__(self) -> str:
        return f"must be one of {', '.join(show(choice) for choice in self.choices)}"

    @property
    def example(self) -> str | int:
        return self.choices[0]


@dataclass(frozen=True)
class Flag(Rule):
    """True or false."""

    def accept(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(name, value)
        return value

    def __str__(self) -> str:
        return "must be true or false"

    @property
    def example(self) -> bool:
        return True


@dataclass(frozen=True)
class WholeNumbers(Rule):
    """A list of integers, one for each block or stage: ``needs 1 to 6 blocks of 1 to 64 layers``."""

    max_count: int
    low: int
    high: int
    each: str
    of: str

    def accept(self, name: str, value: object) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= self.max_count:
            raise self.refuse(name, value)
        for position, item in enumerate(value, start=1):
            if not is_whole(item):
                raise self.refuse(name, value)
            if not self.low <= item <= self.high:
                way_out = _nearest(item, self.low, self.high)
                raise self.refuse(name, value, hint=f"{self.each} {position} has {item:,} {self.of}: {way_out}")
        return tuple(_int(item) for item in value)

    def __str__(self) -> str:
        return f"needs 1 to {self.max_count} {self.each}s of {self.low} to {self.high:,} {self.of}"

    @property
    def example(self) -> list[int]:
        return [min(max(one, self.low), self.high) for one in (2, 4)][: self.max_count]


@dataclass(frozen=True)
class OneOrEach(Rule):
    """One value for all, or a list with one for each."""

    rule: Rule
    max_count: int

    def accept(self, name: str, value: object) -> Any:
        if not isinstance(value, list | tuple):
            return self.rule.accept(name, value)
        if not 1 <= len(value) <= self.max_count:
            raise self.refuse(name, value, rule=f"needs 1 to {self.max_count} values, or one for all")
        return tuple(self.rule.accept(f"{name}[{index}]", item) for index, item in enumerate(value))

    def __str__(self) -> str:
        return str(self.rule)

    @property
    def example(self) -> object:
        return self.rule.example


def check_count(name: str, value: object, count: int, *, of: str) -> None:
    """Holds a list to one value for each stage or block; one value for all fits any number.

    Raises:
        ArchitectureError: there are more or fewer.
    """
    if isinstance(value, tuple) and len(value) != count:
        raise ArchitectureError(
            f"{name} has {len(value)} values, and there are {count} {of}", hint=f"give one for each of the {of}"
        )


def one_of(value: _T | tuple[_T, ...], index: int) -> _T:
    """The value of one stage or block, where there may be one for all."""
    return value[index] if isinstance(value, tuple) else value


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an integer and not a truth value."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    return issubclass(number_type(value), numbers.Integral)


def _nearest(value: int, low: int, high: int) -> str:
    return f"give at least {low}" if value < low else f"give at most {high:,}"


def _int(value: int) -> int:
    return value if type(value) is int or isinstance(value, Many) else int(value)


def show(value: object) -> str:
    """A value as a file has it, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
