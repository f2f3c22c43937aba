"""The axes of a search space: ranges of integers or floats, and choices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search_spaces.errors import ArchitectureError

Value = int | float | str | bool | tuple[int, ...]
"""What an axis can hold; tuples are for choices such as ``block_config``."""

_NO_STEP = "leave step out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """An axis that exists only where another axis of its family has one of ``values``."""

    parameter: str
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class IntParameter:
    """The integers ``low, low + step, ... <= high``."""

    name: str
    low: int
    high: int
    step: int = 1
    log: bool = False
    condition: Condition | None = None

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, log=self.log)
        if self.step < 1:
            raise ArchitectureError(f"{self.name}.step = {self.step}: must be at least 1", hint="leave it out for 1")
        if self.log and self.step != 1:
            raise ArchitectureError(f"{self.name}: a log range has no step", hint=_NO_STEP)

    @property
    def num_values(self) -> float:
        return (self.high - self.low) // self.step + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatParameter:
    """The interval ``[low, high]``, or its multiples of ``step`` counted from ``low``."""

    name: str
    low: float
    high: float
    step: float | None = None
    log: bool = False
    condition: Condition | None = None

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, log=self.log)
        if self.step is not None and self.step <= 0:
            raise ArchitectureError(f"{self.name}.step = {self.step}: must be above 0", hint=_NO_STEP)
        if self.log and self.step is not None:
            raise ArchitectureError(f"{self.name}: a log range has no step", hint=_NO_STEP)

    @property
    def num_values(self) -> float:
        if self.low == self.high:
            return 1
        if self.step is None:
            return math.inf
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceParameter:
    """One of a few values without order."""

    name: str
    choices: tuple[Value, ...]
    condition: Condition | None = None

    def __post_init__(self) -> None:
        if not self.choices:
            raise ArchitectureError(f"{self.name}: needs at least one choice", hint="write it like [1, 2]")
        for index, choice in enumerate(self.choices):
            if choice in self.choices[:index]:
                raise ArchitectureError(f"{self.name}: choice {choice!r} is listed twice", hint="keep one")

    @property
    def num_values(self) -> float:
        return len(self.choices)


Parameter = IntParameter | FloatParameter | ChoiceParameter


def _check_range(name: str, low: float, high: float, *, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ArchitectureError(f"{name}: both ends must be finite numbers", hint="write it like 1.5")
    if low > high:
        raise ArchitectureError(f"{name}: low {low:g} is above high {high:g}", hint="swap them")
    if log and low <= 0:
        raise ArchitectureError(
            f"{name}.low = {low:g}: a log range needs low > 0", hint="leave log out, or begin above 0"
        )
