"""What a study optimises and what it must not exceed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ACCURACY = "accuracy"
NUM_PARAMETERS = "num_parameters"
MACS = "macs"
LATENCY_MS = "latency_ms"


class Direction(StrEnum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> float:
        """The factor that turns a value into one to be minimised."""
        return -1.0 if self is Direction.MAXIMIZE else 1.0


DIRECTIONS = {
    ACCURACY: Direction.MAXIMIZE,
    NUM_PARAMETERS: Direction.MINIMIZE,
    MACS: Direction.MINIMIZE,
    LATENCY_MS: Direction.MINIMIZE,
}
"""Every figure that can be an objective or a constraint, with the only direction that makes sense."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One figure to optimise."""

    name: str
    direction: Direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """A limit on one figure: at most ``bound`` where less is better, at least ``bound`` where more is."""

    name: str
    bound: float

    def violation(self, value: float) -> float:
        """How far ``value`` is outside, relative to the bound; 0 or less inside."""
        excess = (value - self.bound) * DIRECTIONS[self.name].sign
        return excess / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        relation = "at most" if DIRECTIONS[self.name] is Direction.MINIMIZE else "at least"
        return f"{self.name} {relation} {format_quantity(self.name, self.bound)}"


def min_accuracy(constraints: Iterable[Constraint]) -> float | None:
    """The accuracy that a study asks for; None without such a limit."""
    return next((limit.bound for limit in constraints if limit.name == ACCURACY), None)


_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_TIME_FACTORS = {"us": 1e-3, "\N{MICRO SIGN}s": 1e-3, "\N{GREEK SMALL LETTER MU}s": 1e-3, "ms": 1.0, "s": 1e3}
# Commas and underscores stand between thousands only: "1,5 ms" must not be read as 15 ms.
_NUMBER = re.compile(
    r"\s*([+-]?(?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d*)?(?:e[+-]?\d+)?)\s*([^\d\s.,]*)\s*", re.IGNORECASE
)


def parse_quantity(name: str, text: str | float) -> float:
    """Reads ``"1M"``, ``"250k"``, ``"5 ms"``, ``"98 %"`` or a plain number as the unit of figure ``name``.

    Raises:
        ValueError: it is no such quantity; the message says what is expected.
    """
    if isinstance(text, bool):
        raise ValueError(f"must be a quantity such as {_example(name)}, got {str(text).lower()}")  # noqa: TRY004 - documented
    if isinstance(text, int | float):
        return _from_number(name, text)
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'must be a quantity such as {_example(name)}, got "{text}"')
    number, unit = float(match[1].replace(",", "").replace("_", "")), match[2]
    if unit == "%" and name == ACCURACY:
        return _checked(name, number / 100)  # exact where 0.01 * number is not
    return _checked(name, number * _factor(name, unit, text))


def parse_constraint(name: str, text: str | float) -> Constraint:
    """Reads ``"<= 1M"``; a bare quantity is taken as the bound.

    Raises:
        ValueError: it is no constraint, or it points the wrong way.
    """
    relation = "<=" if DIRECTIONS[name] is Direction.MINIMIZE else ">="
    if isinstance(text, str):
        stripped = text.strip()
        for sign in ("<=", ">=", "<", ">", "==", "="):
            if stripped.startswith(sign):
                if sign != relation:
                    raise ValueError(f'must start with "{relation}", got "{sign}"')
                text = stripped[len(sign) :]
                break
    bound = parse_quantity(name, text)
    if bound <= 0:
        raise ValueError(f"must be above 0, got {bound:g}")
    return Constraint(name=name, bound=bound)


def format_quantity(name: str, value: float) -> str:
    """A figure as a person reads it: ``21,386``, ``2.41 ms``, ``0.9861``."""
    if name == LATENCY_MS:
        return f"{value:,.0f} ms" if value >= 1000 else f"{value:.3g} ms"
    if name == ACCURACY:
        return f"{value:.4f}"
    return f"{value:,.0f}"


def _from_number(name: str, number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if name == LATENCY_MS:
        raise ValueError(f'give a unit: "{value:g} ms"')
    return _checked(name, value)


def _factor(name: str, unit: str, text: str) -> float:
    if name == LATENCY_MS:
        if not unit:
            raise ValueError(f'give a unit: "{text.strip()} ms"')
        if unit.lower() in _TIME_FACTORS:
            return _TIME_FACTORS[unit.lower()]
    elif name == ACCURACY:
        if not unit:
            return 1.0
    elif unit.lower() in _FACTORS:
        return _FACTORS[unit.lower()]
    raise ValueError(f'unknown unit "{unit}"; write it like {_example(name)}')


def _checked(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    if name == ACCURACY and not 0.0 <= value <= 1.0:
        raise ValueError(f"must be between 0 and 1, got {value:g}")
    return value


def _example(name: str) -> str:
    return {LATENCY_MS: '"5 ms"', ACCURACY: "0.97"}.get(name, '"1M"')
