"""The axes of a space as numbers within [0, 1], for a model that looks at distances.

Legend: N points, A columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value
from search_spaces.space import Point, SearchSpace

Array = NDArray[np.float64]


def encode_axes(points: Sequence[Point], space: SearchSpace) -> Array:
    """``axes_NA``: each family has columns of its own; those of others, of inactive axes and unknown values hold 0.

    A number stands by its place within its range. A list such as ``block_config`` stands by its length, its sum and its
    elements.
    """
    encoders = {
        family.family: {parameter.name: _Encoder(parameter) for parameter in family.parameters}
        for family in space.families
    }
    starts: dict[tuple[str, str], int] = {}
    num_columns = 0
    for family, of_axes in encoders.items():
        for name, encoder in of_axes.items():
            starts[family, name] = num_columns
            num_columns += encoder.width
    axes_NA = np.zeros((len(points), num_columns))
    for row, point in zip(axes_NA, points, strict=True):
        for name, encoder in encoders[point.family].items():
            if name in point.values and encoder.knows(point.values[name]):
                start = starts[point.family, name]
                row[start : start + encoder.width] = encoder.encode(point.values[name])
    return axes_NA


class _Encoder:
    """One axis; remembers the values that it has encoded."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        choices = parameter.choices if isinstance(parameter, ChoiceParameter) else ()
        self._lists = [choice for choice in choices if isinstance(choice, tuple)]
        self.width = 2 + max(len(choice) for choice in self._lists) if self._lists else 1
        self._known: dict[Value, list[float]] = {}

    def knows(self, value: Value) -> bool:
        """False for a value of another study's axis that this one can't have."""
        if isinstance(self._parameter, ChoiceParameter):
            return value in self._parameter.choices
        return isinstance(value, int | float)

    def encode(self, value: Value) -> list[float]:
        if value not in self._known:
            self._known[value] = self._encoded(value)
        return self._known[value]

    def _encoded(self, value: Value) -> list[float]:
        if isinstance(value, tuple):
            return self._encoded_list(value)
        match self._parameter:
            case ChoiceParameter(choices=choices):
                ordered = sorted(choices, key=_order)
                return [ordered.index(value) / max(1, len(ordered) - 1)]
            case IntParameter(low=low, high=high, log=log) | FloatParameter(low=low, high=high, log=log):
                assert isinstance(value, int | float)
                return [_place(value, low, high, log=log)]

    def _encoded_list(self, value: tuple[int, ...]) -> list[float]:
        lengths = [len(choice) for choice in self._lists]
        sums = [sum(choice) for choice in self._lists]
        largest = max(max(choice, default=0) for choice in self._lists) or 1
        elements = [0.5 * element / largest for element in value]
        padding = [0.0] * (self.width - 2 - len(value))
        length = _place(len(value), min(lengths), max(lengths), log=False)
        return [length, _place(sum(value), min(sums), max(sums), log=False), *elements, *padding]


def _order(value: Value) -> tuple[bool, float, str]:
    """Numbers by size, then texts as they are."""
    return (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))


def _place(value: float, low: float, high: float, *, log: bool) -> float:
    if low == high:
        return 0.0
    if log:
        return float(np.log(value / low) / np.log(high / low))
    return (value - low) / (high - low)
