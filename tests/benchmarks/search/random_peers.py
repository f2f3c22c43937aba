"""Random search, as it is and with archfront's rung rule."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.config.settings import SearchConfig
from orchestrator.schedule.progress import Peers, Progress
from orchestrator.schedule.rule import decide, rungs
from search_spaces.space import Point
from tests.benchmarks.search.peer import Peer


class RandomPeer(Peer):
    """Draws the family, then each of its axes, with replacement."""

    def __init__(self, config: SearchConfig, *, seed: int) -> None:
        self._space = config.space
        self._rng = random.Random(seed)

    def ask(self, number: int) -> Point:
        return self._space.sample(self._rng)

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """Learns nothing."""


class RungPeer(RandomPeer):
    """Random points, and archfront's rule at archfront's rungs."""

    def __init__(self, config: SearchConfig, *, seed: int) -> None:
        super().__init__(config, seed=seed)
        self._rungs = rungs(config.recipe.epochs, config.recipe.decay_share)
        self._progress: dict[int, Progress] = {}

    def goes_on(self, number: int, epoch: int, values: Sequence[float]) -> bool:
        error, *costs = values
        before = self._progress.get(number, Progress(costs=tuple(costs), accuracy_at={}))
        self._progress[number] = replace(before, accuracy_at={**before.accuracy_at, epoch: 1.0 - error})
        if epoch not in self._rungs:
            return True
        others = [progress for other, progress in self._progress.items() if other != number]
        return decide(self._progress[number], Peers.at(epoch, others)).go_on

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        if values is not None:
            self._progress[number] = replace(self._progress[number], final_accuracy=1.0 - values[0])
