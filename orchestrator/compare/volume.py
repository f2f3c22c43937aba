"""Hypervolume and coverage of several fronts on one scale.

As ``orchestrator.simulate.score`` has it: a point is (1 - accuracy, log10 of each figure that is minimised), each
scaled to [0, 1] over all trials that are compared, and the reference point is 1.1 in each. A figure other than
accuracy that is maximised counts as the negative of its logarithm.

Legend: N trials, M objectives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.objectives import ACCURACY, Objective
from orchestrator.records import TrialRecord
from orchestrator.selector import LatencyBasis, figure


def scaled_points(
    trials: Mapping[str, Sequence[TrialRecord]], objectives: Sequence[Objective], basis: LatencyBasis
) -> dict[str, NDArray[np.float64]]:
    """The trials of each study as rows, every column minimised, on one scale over all of them."""
    raw = {
        label: np.array([[_minimised(record, one, basis) for one in objectives] for record in records], dtype=float)
        for label, records in trials.items()
    }
    filled = [points_NM for points_NM in raw.values() if len(points_NM)]
    if not filled:
        return {label: np.empty((0, len(objectives))) for label in raw}
    everyone_NM = np.vstack(filled)
    low_M, spread_M = everyone_NM.min(axis=0), np.ptp(everyone_NM, axis=0)
    scale_M = np.where(spread_M > 0, spread_M, 1.0)
    return {label: (points_NM.reshape(-1, len(objectives)) - low_M) / scale_M for label, points_NM in raw.items()}


def hypervolume(points_NM: NDArray[np.float64]) -> float:
    return pareto.hypervolume(points_NM, np.full(points_NM.shape[1], pareto.REFERENCE))


def coverage(points_NM: NDArray[np.float64], others_NM: NDArray[np.float64]) -> float:
    """C(A, B): the share of the others that some point is nowhere worse than (Zitzler and Thiele 1998)."""
    if not len(others_NM):
        return math.nan
    is_covered_N = (points_NM[:, None, :] <= others_NM[None, :, :]).all(axis=2).any(axis=0)
    return float(is_covered_N.mean())


def front_rows(points_NM: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows no other row dominates."""
    return pareto.non_dominated(points_NM) if len(points_NM) else np.zeros(0, dtype=bool)


def _minimised(record: TrialRecord, objective: Objective, basis: LatencyBasis) -> float:
    value = figure(record, objective.name, basis)
    if objective.name == ACCURACY:
        return 1.0 - value
    return objective.direction.sign * math.log10(max(value, math.ulp(0.0)))
