"""What points cost, found out for many at a time before anything is trained.

Legend: N points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator.objectives import LATENCY_MS, MACS, NUM_PARAMETERS
from orchestrator.suggest.pool import NUM_ACTIVATIONS, NUM_LAYERS, CostTable
from search_spaces import registry
from search_spaces.architecture import Architecture, Task
from search_spaces.cost_columns import CostColumns
from search_spaces.errors import ArchitectureError
from search_spaces.space import Point

PredictLatency = Callable[[Architecture], float]
"""The latency of one network in milliseconds; raises an ``ArchitectureError`` where it can't be told."""

PredictLatencies = Callable[[Sequence[Point], CostColumns], NDArray[np.float64]]
"""The same of many points; not a number where it can't be told."""


def cost_table(points: Sequence[Point], *, task: Task, latencies: PredictLatencies) -> CostTable:
    """All costs that a sampler looks at; a point whose latency can't be told counts as impossible."""
    columns = registry.costs(points, task)
    latency_N = latencies(points, columns)
    return CostTable(
        is_possible_N=columns.is_possible_N & np.isfinite(latency_N),
        costs_N={
            NUM_PARAMETERS: columns.num_parameters_N.astype(float),
            MACS: columns.macs_N.astype(float),
            LATENCY_MS: np.nan_to_num(latency_N),
            NUM_ACTIVATIONS: columns.num_activations_N.astype(float),
            NUM_LAYERS: columns.num_layers_N.astype(float),
        },
    )


def one_by_one(predict_latency_ms: PredictLatency, task: Task) -> PredictLatencies:
    """For predictions that need the network itself."""

    def latencies(points: Sequence[Point], columns: CostColumns) -> NDArray[np.float64]:
        latency_N = np.full(len(points), np.nan)
        for row in np.flatnonzero(columns.is_possible_N).tolist():
            try:
                latency_N[row] = predict_latency_ms(registry.architecture(points[row], task))
            except ArchitectureError:
                continue
        return latency_N

    return latencies
