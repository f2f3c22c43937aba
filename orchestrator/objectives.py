"""What a study optimises and what it must not exceed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

ACCURACY = "accuracy"
NUM_PARAMETERS = "num_parameters"
MACS = "macs"
LATENCY_MS = "latency_ms"
FILE_BYTES = "file_bytes"
PEAK_MEMORY_BYTES = "peak_memory_bytes"
THROUGHPUT_PER_S = "throughput_per_s"


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
    FILE_BYTES: Direction.MINIMIZE,
    PEAK_MEMORY_BYTES: Direction.MINIMIZE,
    THROUGHPUT_PER_S: Direction.MAXIMIZE,
}
"""Every figure that can be an objective or a constraint, with the only direction that makes sense."""

KNOWN_COSTS = (NUM_PARAMETERS, MACS, FILE_BYTES, PEAK_MEMORY_BYTES)
"""Sums over layers, exact before anything is trained or measured."""

TIMED = (LATENCY_MS, THROUGHPUT_PER_S)
"""Predicted before a trial, measured after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One figure to optimise."""

    name: str
    direction: Direction


def cost(name: str, value: float) -> float:
    """A figure other than accuracy as one of which less is better: throughput as seconds an image; never below 0."""
    if DIRECTIONS[name] is Direction.MINIMIZE:
        return value
    return 1.0 / value if value > 0 else math.inf


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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scale:
    """How a figure is written.

    Attributes:
        factors: of the units that are read, in lower case; without an empty one a plain number is refused.
        example: for a person who wrote something else.
        unit: of the figure itself.
    """

    factors: Mapping[str, float]
    example: str
    unit: str = ""


_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_BYTES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}
_TIMES = {"us": 1e-3, "\N{MICRO SIGN}s": 1e-3, "\N{GREEK SMALL LETTER MU}s": 1e-3, "ms": 1.0, "s": 1e3}
_RATES = {"/s": 1.0, "k/s": 1e3}

_SCALES = {
    ACCURACY: _Scale(factors={"": 1.0, "%": 0.01}, example="0.97"),
    NUM_PARAMETERS: _Scale(factors=_COUNTS, example="1M"),
    MACS: _Scale(factors=_COUNTS, example="1M"),
    LATENCY_MS: _Scale(factors=_TIMES, example="5 ms", unit="ms"),
    FILE_BYTES: _Scale(factors=_BYTES, example="20 MB", unit="B"),
    PEAK_MEMORY_BYTES: _Scale(factors=_BYTES, example="20 MB", unit="B"),
    THROUGHPUT_PER_S: _Scale(factors=_RATES, example="500 /s", unit="/s"),
}

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
    """A figure as a person reads it: ``21,386``, ``2.41 ms``, ``0.9861``, ``18.4 MB``, ``1,240 /s``."""
    if name == LATENCY_MS:
        return f"{_three_digits(value)} ms"
    if name == THROUGHPUT_PER_S:
        return f"{_three_digits(value)} /s"
    if name in (FILE_BYTES, PEAK_MEMORY_BYTES):
        return _bytes_text(value)
    if name == ACCURACY:
        return f"{value:.4f}"
    return f"{value:,.0f}"


def quantity_units(name: str) -> tuple[str, ...]:
    """The units that ``parse_quantity`` reads, in lower case; an empty one where a plain number is read, too."""
    return tuple(_SCALES[name].factors)


def quantity_example(name: str) -> str:
    """A quantity as a study file may have it."""
    return _SCALES[name].example


def _from_number(name: str, number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if "" not in _SCALES[name].factors:
        raise ValueError(_unit_is_missing(name, f"{value:.15g}"))
    return _checked(name, value)


def _factor(name: str, unit: str, text: str) -> float:
    scale = _SCALES[name]
    if unit.lower() in scale.factors:
        return scale.factors[unit.lower()]
    if not unit:
        raise ValueError(_unit_is_missing(name, text.strip()))
    raise ValueError(f'unknown unit "{unit}"; write it like {_example(name)}')


def _unit_is_missing(name: str, number: str) -> str:
    return f'give a unit: "{number} {_SCALES[name].unit}"'


def _checked(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    if name == ACCURACY and not 0.0 <= value <= 1.0:
        raise ValueError(f"must be between 0 and 1, got {value:g}")
    return value


def _example(name: str) -> str:
    example = _SCALES[name].example
    return example if name == ACCURACY else f'"{example}"'


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def _bytes_text(value: float) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{_three_digits(value)} GB"
