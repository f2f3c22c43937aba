"""The networks of a space and what is known of each before it is trained: exact costs, and what its time depends on.

Legend: N networks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.known_costs import known_costs
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import NothingFeasibleError
from orchestrator.objectives import FILE_BYTES, KNOWN_COSTS, MACS, NUM_PARAMETERS
from search_spaces import registry
from search_spaces.columns import plain
from search_spaces.space import Point

Column = NDArray[np.float64]

MAX_LISTED = 10_000
NUM_DRAWN = 4000
"""Of a larger space, with a fixed seed: as random search would draw them, the family first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Least, median and most."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values_N: Column) -> Spread:
        return cls(least=float(values_N.min()), median=float(np.median(values_N)), most=float(values_N.max()))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Networks:
    """Those of a space that a study may train.

    Attributes:
        num_points: of the whole space; infinite where an axis is continuous.
        num_examined: all of them, or so many that were drawn.
        feasible_share: of the examined points: those that can be built and keep the limits that need no device.
        points: the feasible ones.
        num_parameters_N, macs_N, file_bytes_N: exact.
        num_activations_N, num_layers_N: of one image; with the MACs what a training step's time depends on.
    """

    num_points: float
    num_examined: int
    feasible_share: float
    points: tuple[Point, ...]
    num_parameters_N: Column
    macs_N: Column
    file_bytes_N: Column
    num_activations_N: Column
    num_layers_N: Column

    def __len__(self) -> int:
        return len(self.points)

    @property
    def is_whole(self) -> bool:
        return self.num_examined == self.num_points

    @property
    def num_parameters(self) -> Spread:
        return Spread.of(self.num_parameters_N)

    @property
    def macs(self) -> Spread:
        return Spread.of(self.macs_N)


def networks_of(config: SearchConfig) -> Networks:
    """Examines the space.

    Raises:
        NothingFeasibleError: none of the examined points can be built within the limits.
    """
    space = config.space
    rng = random.Random(0)
    is_whole = space.num_points <= MAX_LISTED
    points = list(space.points()) if is_whole else [space.sample(rng) for _ in range(NUM_DRAWN)]
    columns = registry.costs(points, config.task)
    known_N = {name: np.zeros(len(points)) for name in KNOWN_COSTS}
    for group in columns.groups:
        for name, value in known_costs(group.layers, config.latency).items():
            known_N[name][group.rows_G] = plain(value)
    is_inside_N = columns.is_possible_N.copy()
    for limit in config.constraints:
        if limit.name in known_N:
            is_inside_N &= np.array([limit.violation(value) <= 0 for value in known_N[limit.name].tolist()])
    rows = np.flatnonzero(is_inside_N)
    if not len(rows):
        raise _nothing_feasible(config, points, is_whole=is_whole)
    return Networks(
        num_points=space.num_points,
        num_examined=len(points),
        feasible_share=len(rows) / len(points),
        points=tuple(points[row] for row in rows.tolist()),
        num_parameters_N=known_N[NUM_PARAMETERS][rows],
        macs_N=known_N[MACS][rows],
        file_bytes_N=known_N[FILE_BYTES][rows],
        num_activations_N=columns.num_activations_N[rows].astype(float),
        num_layers_N=columns.num_layers_N[rows].astype(float),
    )


def _nothing_feasible(config: SearchConfig, points: Sequence[Point], *, is_whole: bool) -> NothingFeasibleError:
    limits = " and ".join(str(limit) for limit in config.constraints if limit.name in KNOWN_COSTS)
    which = f"none of the {len(points):,} architectures" if is_whole else f"none of {len(points):,} architectures drawn"
    return NothingFeasibleError(
        f"{which} can be built{f' with {limits}' if limits else ''}", hint="relax the constraints or widen the space"
    )
