"""The rules that values are held to: type, range, and how a refusal reads."""

from __future__ import annotations

import json
import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeGuard

from search_spaces.errors import ArchitectureError, did_you_mean


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

    def refuse(self, name: str, value: object, *, hint: str = "") -> ArchitectureError:
        """The error for a value outside this rule."""
        return ArchitectureError(f"{name} = {show(value)}: {self}", hint=hint)


@dataclass(frozen=True)
class WholeNumber(Rule):
    """An integer in ``[low, high]``; true and false are none."""

    low: int
    high: int

    def accept(self, name: str, value: object) -> int:
        if not is_whole(value):
            raise ArchitectureError(f"{name} = {show(value)}: must be a whole number")
        if not self.low <= value <= self.high:
            raise self.refuse(name, value)
        return int(value)

    def __str__(self) -> str:
        return f"must be at least {self.low} and at most {self.high:,}"


@dataclass(frozen=True)
class Number(Rule):
    """A finite number in an interval whose ends may be open."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def accept(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ArchitectureError(f"{name} = {show(value)}: must be a number")
        number = float(value)
        if not math.isfinite(number) or not self._contains(number):
            raise self.refuse(name, value)
        return number

    def _contains(self, number: float) -> bool:
        above = number > self.low if self.open_low else number >= self.low
        below = number < self.high if self.open_high else number <= self.high
        return above and below

    def __str__(self) -> str:
        left, right = "(["[not self.open_low], ")]"[not self.open_high]
        return f"must be in {left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class OneOf(Rule):
    """One of a few values."""

    choices: tuple[str | int, ...]

    def accept(self, name: str, value: object) -> str | int:
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise self.refuse(name, value, hint=self._hint(value))

    def _hint(self, value: object) -> str:
        words = [choice for choice in self.choices if isinstance(choice, str)]
        near = did_you_mean(value, words) if isinstance(value, str) else ""
        return near if near.startswith("did") else ""

    def __str__(self) -> str:
        return f"must be one of {', '.join(show(choice) for choice in self.choices)}"


@dataclass(frozen=True)
class Flag(Rule):
    """True or false."""

    def accept(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(name, value)
        return value

    def __str__(self) -> str:
        return "must be true or false"


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
            raise self.refuse(name, value, hint=self._example())
        for position, item in enumerate(value, start=1):
            if not is_whole(item):
                raise self.refuse(name, value, hint=self._example())
            if not self.low <= item <= self.high:
                raise self.refuse(name, value, hint=f"{self.each} {position} has {item:,} {self.of}")
        return tuple(int(item) for item in value)

    def _example(self) -> str:
        return f"write it like [{max(2, self.low)}, {max(4, self.low)}]"

    def __str__(self) -> str:
        return f"needs 1 to {self.max_count} {self.each}s of {self.low} to {self.high:,} {self.of}"


@dataclass(frozen=True)
class OneOrEach(Rule):
    """One value for all, or a list with one for each."""

    rule: Rule
    max_count: int

    def accept(self, name: str, value: object) -> Any:
        if not isinstance(value, list | tuple):
            return self.rule.accept(name, value)
        if not 1 <= len(value) <= self.max_count:
            raise ArchitectureError(f"{name} = {show(value)}: needs 1 to {self.max_count} values, or one for all")
        return tuple(self.rule.accept(f"{name}[{index}]", item) for index, item in enumerate(value))

    def __str__(self) -> str:
        return str(self.rule)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an integer and not a truth value."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def show(value: object) -> str:
    """A value as a file has it, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
