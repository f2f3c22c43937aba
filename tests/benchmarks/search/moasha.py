"""Syne Tune's MOASHA with its defaults: random points, successive halving by non-dominated sorting.

Rungs are epochs 1, 3, 9, ...; what it stops has cost the epochs so far. Its points are drawn from the study's
conditional space as a whole, because Syne Tune's spaces have no conditions.

In Syne Tune 0.16 the priorities of the trials at a rung are none: ``NonDominatedPriority`` returns which trial comes
first, which second and so on, and ``Bracket.on_result`` reads how early each one comes. Whether a trial goes on then
depends on the number of the worst one. Both are measured, as released and mended. Priorities are computed faster here:
the epsilon net of ``non_dominated_priority.py`` takes the cube of the number of trials, minutes for a search.

Suffixes: N trials, U of them unlike any before, M objectives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.config.settings import SearchConfig
from search_spaces.space import Point
from tests.benchmarks.search.peer import Peer

Priority = Callable[[NDArray[np.float64]], NDArray[np.intp]]
"""Of each trial of a rung, from its objectives: lowest is best."""


class _WholeSpace:
    """The study's space as one axis: all that MOASHA asks of an axis is ``sample``."""

    def __init__(self, config: SearchConfig, seed: int) -> None:
        self._space = config.space
        self._rng = random.Random(seed)

    def sample(self) -> Point:
        return self._space.sample(self._rng)


class MoashaPeer(Peer):
    def __init__(self, config: SearchConfig, *, seed: int, priority: Priority) -> None:
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        self._names = [objective.name for objective in config.objectives]
        self._scheduler: Any = MOASHA(
            config_space={"point": _WholeSpace(config, seed)},
            metrics=self._names,
            time_attr="epoch",
            multiobjective_priority=priority,
            max_t=config.recipe.epochs,
            random_seed=seed,
        )
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Point:
        from syne_tune.backend.trial_status import Trial

        config = self._scheduler.suggest().config
        self._trials[number] = Trial(trial_id=number, config=config, creation_time=datetime.now(UTC))
        self._scheduler.on_trial_add(self._trials[number])
        point: Point = config["point"]
        return point

    def goes_on(self, number: int, epoch: int, values: Sequence[float]) -> bool:
        from syne_tune.optimizer.scheduler import SchedulerDecision

        decision = self._scheduler.on_trial_result(self._trials[number], self._result(epoch, values))
        return bool(decision == SchedulerDecision.CONTINUE)

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """As its tuner does: the last epoch is a stop like any other, and no rung."""
        self._scheduler.on_trial_remove(self._trials.pop(number))

    def _result(self, epoch: int, values: Sequence[float]) -> dict[str, float]:
        return {"epoch": epoch, **dict(zip(self._names, values, strict=True))}


def priority_as_released(points_NM: NDArray[np.float64]) -> NDArray[np.intp]:
    """What Syne Tune's ``NonDominatedPriority`` returns; twice it takes positions for indices, or the reverse."""
    return np.concatenate([front[_epsilon_net(points_NM[front])] for front in _fronts(points_NM)])


def priority_mended(points_NM: NDArray[np.float64]) -> NDArray[np.intp]:
    """Each trial's position: front by front, and within a front by its epsilon net."""
    priority_N = np.empty(len(points_NM), dtype=np.intp)
    num_before = 0
    for front in _fronts(points_NM):
        priority_N[front] = num_before + _epsilon_net(points_NM[front])
        num_before += len(front)
    return priority_N


def _fronts(points_NM: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    rank_N = pareto.ranks(points_NM)
    return [np.flatnonzero(rank_N == rank) for rank in range(int(rank_N.max()) + 1)]


def _epsilon_net(points_NM: NDArray[np.float64]) -> NDArray[np.intp]:
    """Each point's position in the order that begins at the best accuracy; next is who is farthest from all so far.

    Points that equal an earlier one come last, in their own order: they are at no distance.
    """
    _, first_U = np.unique(points_NM, axis=0, return_index=True)
    is_first_N = np.zeros(len(points_NM), dtype=bool)
    is_first_N[first_U] = True
    position_N = np.empty(len(points_NM), dtype=np.intp)
    position_N[is_first_N] = _farthest_first(points_NM[is_first_N])
    position_N[~is_first_N] = np.arange(len(first_U), len(points_NM))
    return position_N


def _farthest_first(points_UM: NDArray[np.float64]) -> NDArray[np.intp]:
    chosen = int(points_UM[:, 0].argmin())
    distance_U, position_U = np.full(len(points_UM), np.inf), np.zeros(len(points_UM), dtype=np.intp)
    for position in range(len(points_UM)):
        position_U[chosen] = position
        distance_U = np.minimum(distance_U, np.linalg.norm(points_UM - points_UM[chosen], axis=-1))
        distance_U[chosen] = -np.inf
        chosen = int(distance_U.argmax())
    return position_U
