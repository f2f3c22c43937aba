"""Candidates of a space that meet every limit known before training, each costed once.

Legend: N candidates, K costs, D cost objectives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.objectives import ACCURACY, DIRECTIONS, MACS, NUM_PARAMETERS, Constraint
from orchestrator.suggest.acquisition import Networks
from orchestrator.suggest.encoding import encode_axes
from orchestrator.suggest.kernel import Features
from search_spaces.space import Point, SearchSpace

Array = NDArray[np.float64]

MAX_CANDIDATES = 12_000
_MAX_LISTED = 30_000
"""A space of at most so many points is taken whole before it is thinned."""

NUM_ACTIVATIONS = "num_activations"
NUM_LAYERS = "num_layers"
_REUSE = "macs of each parameter"
_WIDTH = "parameters of each layer"

# What accuracy is modelled by beside the axes. Ratios say more than MACs and latency themselves: with them the error on
# unseen networks is 7-14 % lower (tests/benchmarks/digits_nas, noisy, 8 to 60 networks trained).
_MODELLED = (NUM_PARAMETERS, NUM_LAYERS, NUM_ACTIVATIONS, _REUSE, _WIDTH)
_WORK = (MACS, NUM_ACTIVATIONS, NUM_LAYERS)

Costing = Callable[[Sequence[Point]], "CostTable"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CostTable:
    """What is known of some points before training, by the name of the cost.

    Attributes:
        is_possible_N: whether the point can be built; the costs of others mean nothing.
    """

    is_possible_N: NDArray[np.bool_]
    costs_N: Mapping[str, Array]


class CandidatePool:
    """Feasible points in a fixed order; a function of the space, the limits and the seed alone.

    Points that are not in it can be described on the same scales.

    Attributes:
        presets: places of published networks, with their names.
        size_N: logarithms of the parameters, scaled to [0, 1].
    """

    def __init__(
        self,
        space: SearchSpace,
        costing: Costing,
        *,
        objectives: Sequence[str],
        constraints: Sequence[Constraint],
        seed: int,
        presets: Mapping[str, Point],
    ) -> None:
        self._space = space
        self._costing = costing
        self._objectives = tuple(name for name in objectives if name != ACCURACY)
        others = [point for point in _drawn(space, random.Random(seed)) if point not in presets.values()]
        drawn = [*presets.values(), *others]
        table = costing(drawn)
        rows = _thinned(np.flatnonzero(_is_feasible(table, constraints)), table.costs_N[NUM_PARAMETERS], len(presets))
        self.points: tuple[Point, ...] = tuple(drawn[row] for row in rows)
        names = list(presets)
        self.presets = {place: names[row] for place, row in enumerate(rows.tolist()) if row < len(names)}
        logs = _logarithms({name: column_N[rows] for name, column_N in table.costs_N.items()})
        self._ranges = {name: _range(column_N) for name, column_N in logs.items()}
        self.networks = self._described(self.points, logs)
        self.size_N: Array = self.networks.features.costs_NC[:, _MODELLED.index(NUM_PARAMETERS)]

    def __len__(self) -> int:
        return len(self.points)

    def describe(self, points: Sequence[Point]) -> Networks:
        """Any points as networks, on the pool's scales."""
        return self._described(points, _logarithms(self._costing(points).costs_N))

    def _described(self, points: Sequence[Point], logs: Mapping[str, Array]) -> Networks:
        families = [family.family for family in self._space.families]

        def scaled(names: Sequence[str]) -> Array:
            columns = [(logs[name] - self._ranges[name][0]) / self._ranges[name][1] for name in names]
            return np.column_stack(columns) if columns else np.empty((len(points), 0))

        return Networks(
            features=Features(
                family_N=np.array([families.index(point.family) for point in points], dtype=np.int64),
                costs_NC=scaled(_MODELLED),
                axes_NA=encode_axes(points, self._space),
                source_N=np.zeros(len(points), dtype=np.int64),
            ),
            objectives_ND=_minimised(scaled(self._objectives), self._objectives),
            work_NK=np.log(10.0) * np.column_stack([logs[name] for name in _WORK]),
        )


def _logarithms(costs_N: Mapping[str, Array]) -> dict[str, Array]:
    """Base 10, of all costs and of the ratios that are modelled."""
    logs = {name: np.log10(np.maximum(column_N, 1e-9)) for name, column_N in costs_N.items()}
    ratios = {_REUSE: logs[MACS] - logs[NUM_PARAMETERS], _WIDTH: logs[NUM_PARAMETERS] - logs[NUM_LAYERS]}
    return logs | ratios


def _minimised(scaled_ND: Array, names: Sequence[str]) -> Array:
    """Columns in [0, 1] of which less is better."""
    signs_D = np.array([DIRECTIONS[name].sign for name in names])
    return np.where(signs_D > 0, scaled_ND, 1.0 - scaled_ND)


def _drawn(space: SearchSpace, rng: random.Random) -> list[Point]:
    """The whole space where it is small enough; else as many different points of each family, where it has so many."""
    if space.num_points <= _MAX_LISTED:
        return list(space.points())
    share = _MAX_LISTED // len(space.families)
    drawn: list[Point] = []
    for family in space.families:
        if family.num_points <= share:
            drawn += family.points()
        else:
            alone = SearchSpace(families=(family,))
            found = {_key(point): point for point in (alone.sample(rng) for _ in range(share))}
            drawn += found.values()
    return drawn


def _key(point: Point) -> tuple[object, ...]:
    return tuple(point.values.values())


def _is_feasible(table: CostTable, constraints: Sequence[Constraint]) -> NDArray[np.bool_]:
    feasible_N = table.is_possible_N.copy()
    for constraint in constraints:
        if constraint.name != ACCURACY:
            sign = DIRECTIONS[constraint.name].sign
            feasible_N &= sign * table.costs_N[constraint.name] <= sign * constraint.bound
    return feasible_N


def _thinned(rows: NDArray[np.intp], num_parameters_N: Array, num_kept: int) -> NDArray[np.intp]:
    """At most ``MAX_CANDIDATES``, as even as they can be over the logarithm of the parameters, in their old order.

    Rows below ``num_kept`` stay in any case.
    """
    if len(rows) <= MAX_CANDIDATES:
        return rows
    logs_N = np.log(num_parameters_N[rows])
    edges = np.linspace(logs_N.min(), logs_N.max(), 65)[1:-1]
    bins_N = np.searchsorted(edges, logs_N)
    # The n-th of its bin: all first members come before all second ones, until there are enough.
    order = np.argsort(bins_N, kind="stable")
    sorted_bins = bins_N[order]
    place_N = np.empty(len(rows), dtype=np.intp)
    place_N[order] = np.arange(len(rows)) - np.searchsorted(sorted_bins, sorted_bins)
    place_N[rows < num_kept] = -1
    kept: NDArray[np.intp] = np.sort(np.argsort(place_N, kind="stable")[:MAX_CANDIDATES])
    return rows[kept]


def _range(column_N: Array) -> tuple[float, float]:
    """Least value and span of a column; a column that does not vary has the span 1."""
    if not len(column_N):
        return 0.0, 1.0
    span = float(np.ptp(column_N))
    return float(column_N.min()), span if span > 1e-9 else 1.0
