"""How good a search over a table was: its hypervolume, and what it cost to come near the oracle's.

- A network's **accuracy** is the mean of its last epoch over the table's seeds, without trainings that diverged. The
  search sees one seed, the score uses the mean: luck with a seed is not rewarded.
- A **point** is (1 - accuracy, log10 of each figure that is minimised), each scaled to [0, 1] over the table by
  (x - min) / (max - min). The reference point of the hypervolume is 1.1 in each. A network that diverged with every
  seed, or that breaks a limit of the study, has no point and adds nothing.
- The **oracle** knows all points and trains the front, each network at its full cost on one worker, by greatest gain of
  hypervolume for the cost first. No search gets beyond its hypervolume, and none gets all of it at less cost; a share
  below all of it can cost a lucky search less, because greedy is not optimal.
- **Cost** is worker-seconds: the time at which a share of the oracle's hypervolume is reached, multiplied by the number
  of workers. Idle workers cost as much as busy ones, so that 1, 4 and 16 workers compare with each other and with the
  oracle.

Suffixes: N points, F points of a front, M objectives, T completions, S seeds, E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.config.known_costs import known_costs
from orchestrator.config.settings import LatencySettings
from orchestrator.errors import NothingFeasibleError
from orchestrator.objectives import ACCURACY, LATENCY_MS, NUM_PARAMETERS, Constraint, Objective
from orchestrator.simulate.table import ArchitectureTable, TableRow

_ROUNDING = 1e-9
"""Volumes that are summed in another order differ by less than this."""

_DEFAULTS = LatencySettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A network trained to its end at a simulated time, which begins with the search."""

    time_s: float
    architecture_id: str


Trace = Sequence[Completion]
"""Everything that a search trained to its end, in order of time; repeats included."""


class GrowingFront:
    """The hypervolume of the networks so far; one that does not join the front costs next to nothing."""

    def __init__(self, points: Mapping[str, NDArray[np.float64]]) -> None:
        self._points = points
        self._front_FM: NDArray[np.float64] | None = None
        self.hypervolume = 0.0

    def add(self, architecture_id: str) -> float:
        """The hypervolume with one more network."""
        point_M = self._points[architecture_id]
        before_FM = point_M[None, :][:0] if self._front_FM is None else self._front_FM
        if not (before_FM <= point_M).all(axis=1).any():
            stays_F = ~(point_M <= before_FM).all(axis=1)
            self._front_FM = np.vstack([before_FM[stays_F], point_M])
            self.hypervolume = _hypervolume(self._front_FM)
        return self.hypervolume


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scorer:
    """Scores searches over one table with one choice of objectives.

    Attributes:
        points: by ``architecture_id``, scaled, every column minimised.
        cost_s: of each network's whole training.
        front_hypervolume: of the table's front: the most there is.
    """

    points: Mapping[str, NDArray[np.float64]]
    cost_s: Mapping[str, float]
    front_hypervolume: float

    @classmethod
    def of(
        cls,
        table: ArchitectureTable,
        objectives: Sequence[Objective],
        *,
        constraints: Sequence[Constraint] = (),
        image_size: int | None = None,
        latency: LatencySettings = _DEFAULTS,
    ) -> Self:
        """Scales the table.

        Args:
            objectives: accuracy, and figures that are minimised.
            image_size: the side that MACs and memory are counted at, where the study asks for them.
            latency: how memory is counted.

        Raises:
            NothingFeasibleError: no network of the table is within the constraints.
        """
        figure = partial(_figure, image_size=image_size, latency=latency)
        raw_NM = np.array([_point(row, objectives, constraints, figure) for row in table.rows.values()])
        if not np.isfinite(raw_NM).all(axis=1).any():
            limits = " and ".join(map(str, constraints))
            raise NothingFeasibleError(
                f"none of the table's {len(raw_NM):,} networks has {limits or 'an accuracy'}",
                hint="relax the constraints, or simulate over another table",
            )
        scaled_NM = _scaled(raw_NM)
        return cls(
            points=dict(zip(table.rows, scaled_NM, strict=True)),
            cost_s={name: row.epoch_cost_s * table.num_epochs for name, row in table.rows.items()},
            front_hypervolume=_hypervolume(scaled_NM),
        )

    def oracle(self) -> Trace:
        """The front by greatest gain of hypervolume for the cost, one network after the other."""
        open_ids = self._front_ids()
        chosen: list[Completion] = []
        chosen_FM, volume, time_s = np.empty((0, len(self.points[open_ids[0]]))), 0.0, 0.0
        while open_ids:
            volumes = {name: _hypervolume(np.vstack([chosen_FM, self.points[name]])) for name in open_ids}
            best = max(open_ids, key=lambda name: (volumes[name] - volume) / self.cost_s[name])
            chosen_FM, volume = np.vstack([chosen_FM, self.points[best]]), volumes[best]
            time_s += self.cost_s[best]
            chosen.append(Completion(time_s=time_s, architecture_id=best))
            open_ids.remove(best)
        return chosen

    def hypervolumes(self, trace: Trace) -> NDArray[np.float64]:
        """After each completion: (T,), never falling."""
        front = GrowingFront(self.points)
        return np.array([front.add(one.architecture_id) for one in trace])

    def cost_to(self, trace: Trace, share: float, num_workers: int) -> float:
        """Worker-seconds until a share of the oracle's hypervolume is reached; infinite if it never is."""
        reached_T = self.hypervolumes(trace) >= self.target(share)
        return trace[int(reached_T.argmax())].time_s * num_workers if reached_T.any() else math.inf

    def target(self, share: float) -> float:
        """The hypervolume that counts as a share of the oracle's."""
        return share * self.front_hypervolume * (1.0 - _ROUNDING)

    def _front_ids(self) -> list[str]:
        """The front; of networks with equal points only the cheapest, because the others add nothing to it."""
        cheapest_first = sorted(self.points, key=self.cost_s.__getitem__)
        finite = [name for name in cheapest_first if np.isfinite(self.points[name]).all()]
        distinct = list({tuple(self.points[name]): name for name in reversed(finite)}.values())
        is_front = pareto.non_dominated(np.array([self.points[name] for name in distinct]))
        return [name for name, on_front in zip(distinct, is_front, strict=True) if on_front]


def figures(
    row: TableRow, accuracy: float, objectives: Iterable[Objective], *, image_size: int | None = None
) -> list[float]:
    """A network's objectives before scaling, all minimised; infinite where there is no accuracy.

    Raises:
        ValueError: MACs or another cost beside parameters is an objective, and no image size is given.
    """
    figure = partial(_figure, image_size=image_size, latency=_DEFAULTS)
    return [_minimised(one.name, figure(row, accuracy, one.name)) for one in objectives]


def _point(
    row: TableRow, objectives: Iterable[Objective], constraints: Iterable[Constraint], figure: Callable[..., float]
) -> list[float]:
    """The same with the accuracy that the score uses; infinite throughout where a limit is broken."""
    final_S = row.accuracy_SE[:, -1]
    known_S = final_S[np.isfinite(final_S)]
    accuracy = float(known_S.mean()) if known_S.size else math.nan
    is_inside = all(one.violation(figure(row, accuracy, one.name)) <= 0 for one in constraints)
    return [_minimised(one.name, figure(row, accuracy, one.name)) if is_inside else math.inf for one in objectives]


def _figure(row: TableRow, accuracy: float, name: str, *, image_size: int | None, latency: LatencySettings) -> float:
    if name == ACCURACY:
        return accuracy
    if name == NUM_PARAMETERS:
        return row.architecture.num_parameters
    if name == LATENCY_MS:
        return row.latency_ms
    if image_size is None:
        raise ValueError(f"{name} is asked for: give the image size that it is counted at")
    return float(known_costs(row.architecture.layers(image_size), latency)[name])


def _minimised(name: str, value: float) -> float:
    if name == ACCURACY:
        return 1.0 - value if math.isfinite(value) else math.inf
    return math.log10(value)


def _scaled(raw_NM: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column to [0, 1]; one that does not differ becomes 0, and what is infinite stays so."""
    finite_NM = np.where(np.isfinite(raw_NM), raw_NM, np.nan)
    low_M, high_M = np.nanmin(finite_NM, axis=0), np.nanmax(finite_NM, axis=0)
    return np.asarray((raw_NM - low_M) / np.where(high_M > low_M, high_M - low_M, 1.0))


def _hypervolume(points_NM: NDArray[np.float64]) -> float:
    return pareto.hypervolume(points_NM, np.full(points_NM.shape[1], pareto.REFERENCE))
