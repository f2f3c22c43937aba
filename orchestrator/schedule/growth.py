"""How much the front of a study has grown over its last trials, kept up to date trial by trial.

Suffixes: F members of a front, K objectives, all minimised.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.objectives import ACCURACY, Constraint, Objective, cost
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import is_feasible

_LEAST_COST = 1e-9
"""A predicted latency may be 0, which has no logarithm."""


class Archive:
    """The points that none of the points before or after them dominates; equal points stay together."""

    def __init__(self, num_objectives: int) -> None:
        self.points_FK: NDArray[np.float64] = np.empty((0, num_objectives))

    def add(self, point: Sequence[float]) -> bool:
        """Whether the point stands on the front of all so far."""
        point_K = np.array(point, dtype=float)
        is_no_worse_F = (self.points_FK <= point_K).all(axis=1)
        if (is_no_worse_F & (self.points_FK < point_K).any(axis=1)).any():
            return False
        is_beaten_F = (point_K <= self.points_FK).all(axis=1) & ~is_no_worse_F
        self.points_FK = np.concatenate([self.points_FK[~is_beaten_F], point_K[None]])
        return True


class FrontGrowth:
    """The growth of the front's hypervolume over the last ``window`` ended trials.

    Trials are ordered by number: those that ended at one time differ little in it, and the same records give the same
    growth in whatever order they came in. What is measured is the volume between the front and a reference point, with
    accuracy as it is, costs by their logarithm, and each objective scaled to the range of the present front.
    """

    def __init__(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = (), *, window: int) -> None:
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self._window = window
        self._ended: set[int] = set()
        self._newest: list[tuple[int, list[float] | None]] = []  # a heap: the least number is the first to leave
        self._whole, self._before = Archive(len(self._objectives)), Archive(len(self._objectives))
        self._share: float | None = None

    def observe(self, records: Iterable[TrialRecord]) -> None:
        """Takes in the trials that have ended since the last call."""
        for record in records:
            if record.state.is_end and record.number not in self._ended:
                self._ended.add(record.number)
                self._add(record)

    @property
    def share(self) -> float | None:
        """Relative to the front before those trials; None where there was none."""
        if self._share is None and len(self._before.points_FK):
            before_FK, whole_FK = (self._scale(archive.points_FK) for archive in (self._before, self._whole))
            self._share = relative_growth(before_FK, whole_FK)
        return self._share

    def _add(self, record: TrialRecord) -> None:
        is_on_field = record.state is TrialState.COMPLETED and is_feasible(record, self._constraints)
        point = search_point(record, self._objectives) if is_on_field else None
        has_changed = point is not None and self._whole.add(point)
        heapq.heappush(self._newest, (record.number, point))
        if len(self._newest) > self._window:
            _, left = heapq.heappop(self._newest)
            has_changed |= left is not None and self._before.add(left)
        if has_changed:
            self._share = None

    def _scale(self, points_FK: NDArray[np.float64]) -> NDArray[np.float64]:
        """Costs by their logarithm: a tenth less counts the same for small and large networks."""
        is_cost_K = [one.name != ACCURACY for one in self._objectives]
        scaled_FK = points_FK.copy()
        scaled_FK[:, is_cost_K] = np.log10(np.maximum(points_FK[:, is_cost_K], _LEAST_COST))
        return scaled_FK


def search_point(record: TrialRecord, objectives: Sequence[Objective]) -> list[float]:
    """A COMPLETED trial as the search compares it: what is timed as predicted, all to be minimised."""
    return [
        -record.predicted(one.name) if one.name == ACCURACY else cost(one.name, record.predicted(one.name))
        for one in objectives
    ]


def relative_growth(before_FK: NDArray[np.float64], front_FK: NDArray[np.float64]) -> float:
    """By what share the hypervolume of a front exceeds that of an earlier one, which it dominates or equals."""
    ideal_K, spread_K = front_FK.min(axis=0), np.ptp(front_FK, axis=0)
    scale_K = np.where(spread_K > 0, spread_K, 1.0)
    reference_K = np.full(front_FK.shape[1], pareto.REFERENCE)
    now = pareto.hypervolume((front_FK - ideal_K) / scale_K, reference_K)
    then = pareto.hypervolume((before_FK - ideal_K) / scale_K, reference_K)
    return now / then - 1.0 if then > 0 else math.inf
