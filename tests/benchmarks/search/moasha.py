"""Syne Tune's MOASHA with its defaults: random points, successive halving by non-dominated sorting.

Rungs are epochs 1, 3, 9, ...; what it stops has cost the epochs so far. Its points are drawn from the study's
conditional space as a whole, because Syne Tune's spaces have no conditions. Trials at a rung are in Syne Tune's own
order, which is computed faster here: its epsilon net (``non_dominated_priority.py``) takes the cube of their number,
minutes for a search.

Suffixes: N trials, M objectives.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.config.settings import SearchConfig
from search_spaces.space import Point
from tests.benchmarks.search.peer import Peer


class _WholeSpace:
    """The study's space as one axis: all that MOASHA asks of an axis is ``sample``."""

    def __init__(self, config: SearchConfig, seed: int) -> None:
        self._space = config.space
        self._rng = random.Random(seed)

    def sample(self) -> Point:
        return self._space.sample(self._rng)


class MoashaPeer(Peer):
    def __init__(self, config: SearchConfig, *, seed: int) -> None:
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        self._names = [objective.name for objective in config.objectives]
        self._scheduler: Any = MOASHA(
            config_space={"point": _WholeSpace(config, seed)},
            metrics=self._names,
            time_attr="epoch",
            multiobjective_priority=non_dominated_order,
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


def non_dominated_order(points_NM: NDArray[np.float64]) -> NDArray[np.intp]:
    """What Syne Tune's ``NonDominatedPriority`` returns: front by front, and within a front by its epsilon net.

    Twice it takes positions for indices, or the reverse; that is left as it is.
    """
    rank_N = pareto.ranks(points_NM)
    fronts = [np.flatnonzero(rank_N == rank) for rank in range(int(rank_N.max()) + 1)]
    return np.concatenate([front[_epsilon_net(points_NM[front])] for front in fronts])


def _epsilon_net(points_NM: NDArray[np.float64]) -> NDArray[np.intp]:
    """Each point's position in the order that begins at the best accuracy; next is who is farthest from all so far."""
    chosen = int(points_NM[:, 0].argmin())
    distance_N, position_N = np.full(len(points_NM), np.inf), np.zeros(len(points_NM), dtype=np.intp)
    for position in range(len(points_NM)):
        position_N[chosen] = position
        distance_N = np.minimum(distance_N, np.linalg.norm(points_NM - points_NM[chosen], axis=-1))
        distance_N[chosen] = -np.inf
        chosen = int(distance_N.argmax())
    return position_N
