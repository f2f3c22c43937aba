"""Numbers of many networks in an array, and points of a search space read into such columns.

Legend: N points or networks of one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from search_spaces.many import Many, Undecided
from search_spaces.parameters import Value

# Larger numbers, which no rule accepts, could leave the range of 64 bits on the way.
_LARGEST = 2**31


@final
class Column(NDArrayOperatorsMixin, Many):
    """Numbers that take part in arithmetic as one number does; a question about them has one answer or ``Undecided``.

    Attributes:
        values_N: whole numbers of 64 bits, floats, or answers.
    """

    __slots__ = ("values_N",)

    def __init__(self, values_N: NDArray[Any]) -> None:
        self.values_N = values_N

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Column:
        assert method == "__call__", method
        return Column(ufunc(*(plain(value) for value in inputs), **settings))

    def __bool__(self) -> bool:
        answer_N = self.values_N != 0
        if answer_N.all():
            return True
        if answer_N.any():
            raise Undecided(answer_N)
        return False

    def __index__(self) -> int:
        is_first_N = self.values_N == self.values_N[0]
        if is_first_N.all():
            return int(self.values_N[0])
        raise Undecided(is_first_N)

    def __floor__(self) -> Column:
        return Column(np.floor(self.values_N).astype(np.int64))

    def __round__(self) -> Column:
        return Column(np.rint(self.values_N).astype(np.int64))

    def __format__(self, spec: str) -> str:
        return "many"

    def __repr__(self) -> str:
        return f"Column({self.values_N!r})"

    @property
    def number_type(self) -> type:
        return float if self.values_N.dtype.kind == "f" else int

    def reached(self) -> Iterator[tuple[int, Column]]:
        for index in range(int(self.values_N.max())):
            yield index, Column((self.values_N > index).astype(np.int64))

    def at_least(self, low: float) -> Column:
        return Column(np.maximum(self.values_N, low))


def plain(value: Any) -> Any:
    """The array of a column; anything else as it is."""
    return value.values_N if isinstance(value, Column) else value


def taken(value: Any, chosen_N: NDArray[np.bool_]) -> Any:
    """What a value, or a list of them, is for some of the networks; one number where they all have it."""
    if isinstance(value, list | tuple):
        return type(value)(taken(item, chosen_N) for item in value)
    return _folded(value.values_N[chosen_N]) if isinstance(value, Column) else value


def alike(points: Iterable[Mapping[str, Value]]) -> Iterator[list[int]]:
    """Positions of the points that can share columns: the same axes, with numbers or else with the same values."""
    positions: dict[tuple[Any, ...], list[int]] = {}
    for position, values in enumerate(points):
        form = tuple([(name, _form(value)) for name, value in values.items()])
        positions.setdefault(form, []).append(position)
    yield from positions.values()


def read(points: Sequence[Mapping[str, Value]]) -> dict[str, Any]:
    """The axes of points that are ``alike``, numbers as columns."""
    rows = zip(*(values.values() for values in points), strict=True)
    return {name: _column(row) for name, row in zip(points[0], rows, strict=True)}


def _form(value: Any) -> Any:
    kind = type(value)
    if kind is float or (kind is int and -_LARGEST < value < _LARGEST):
        return kind
    return (kind, *map(_form, value)) if kind in (list, tuple) else (kind, str(value))


def _column(values: tuple[Any, ...]) -> Any:
    first = values[0]
    if isinstance(first, list | tuple):
        return type(first)(_column(items) for items in zip(*values, strict=True))
    is_number = isinstance(first, int | float) and not isinstance(first, bool)
    return _folded(np.array(values)) if is_number and len(set(values)) > 1 else first


def _folded(values_N: NDArray[Any]) -> Any:
    return values_N[0].item() if (values_N == values_N[0]).all() else Column(values_N)
