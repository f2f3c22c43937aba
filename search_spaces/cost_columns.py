"""Exact costs of many points of one family at once.

Legend: N points, G networks of one group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.columns import alike, plain, read, taken
from search_spaces.costs import Layer
from search_spaces.errors import ArchitectureError
from search_spaces.many import Size, Undecided
from search_spaces.parameters import Value

Describe = Callable[[Mapping[str, Any]], Architecture]
"""The architecture that values of axes stand for."""

Whole = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerGroup:
    """Networks that are made of the same layers in different sizes.

    Attributes:
        rows_G: where they stand among the points.
        layers: in the order of execution; numbers that differ between the networks are columns of them.
    """

    rows_G: Whole
    layers: tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostColumns:
    """Costs of points, each in its row; all are 0 where no network can be built.

    Attributes:
        is_possible_N: false where ``Family.architecture`` raises an ArchitectureError.
        macs_N: multiply-accumulates of one forward pass of one image.
        num_activations_N: numbers that all layers put out for one image.
        num_layers_N: layers of any kind, each a kernel that runs.
        groups: the layers themselves, of every network that is possible.
    """

    is_possible_N: NDArray[np.bool_]
    num_parameters_N: Whole
    macs_N: Whole
    num_activations_N: Whole
    num_layers_N: Whole
    groups: tuple[LayerGroup, ...]

    def __len__(self) -> int:
        return len(self.is_possible_N)


def cost_columns(
    points: Sequence[Mapping[str, Value]], describe: Describe, *, image_size: int, at_once: bool = True
) -> CostColumns:
    """The costs of points of one family; ``at_once=False`` describes every network on its own."""
    shared = alike(points) if at_once else ([position] for position in range(len(points)))
    groups: list[LayerGroup] = []
    for positions in shared:
        values = read([points[position] for position in positions])
        groups.extend(_groups(values, np.array(positions), describe, image_size))
    return _summed(groups, len(points))


def merged(parts: Iterable[tuple[Sequence[int], CostColumns]], num_points: int) -> CostColumns:
    """The columns of all points, from those of parts, each with the positions of its points."""
    groups = [
        LayerGroup(rows_G=np.asarray(positions)[group.rows_G], layers=group.layers)
        for positions, columns in parts
        for group in columns.groups
    ]
    return _summed(groups, num_points)


def _groups(values: dict[str, Any], rows_G: Whole, describe: Describe, image_size: int) -> Iterator[LayerGroup]:
    """The networks at these rows, parted until each group has one structure, without those that can't be built."""
    waiting = [(values, rows_G)]
    while waiting:
        values, rows_G = waiting.pop()
        try:
            layers = describe(values).layers(image_size)
        except Undecided as question:
            for chosen_G in (question.answer_N, ~question.answer_N):
                part = {name: taken(value, chosen_G) for name, value in values.items()}
                waiting.append((part, rows_G[chosen_G]))
        except ArchitectureError:
            continue  # impossible, as the rows that no group has
        else:
            yield LayerGroup(rows_G=rows_G, layers=layers)


def _summed(groups: Sequence[LayerGroup], num_points: int) -> CostColumns:
    is_possible_N = np.zeros(num_points, dtype=bool)
    for group in groups:
        is_possible_N[group.rows_G] = True
    return CostColumns(
        is_possible_N=is_possible_N,
        num_parameters_N=_total(groups, num_points, lambda layer: layer.num_parameters),
        macs_N=_total(groups, num_points, lambda layer: layer.macs),
        num_activations_N=_total(groups, num_points, lambda layer: math.prod(layer.output_shape)),
        num_layers_N=_total(groups, num_points, lambda _layer: 1),
        groups=tuple(groups),
    )


def _total(groups: Sequence[LayerGroup], num_points: int, amount: Callable[[Layer], Size]) -> Whole:
    total_N = np.zeros(num_points, dtype=np.int64)
    for group in groups:
        total_N[group.rows_G] = plain(sum(amount(layer) * layer.repeats for layer in group.layers))
    return total_N
