"""A peer and the event loop that runs it: who is free asks at once, what ends is told at the time at which it ends.

Nothing is trained: the curve of a table's row arrives epoch by epoch, each at the cost that the table states. A
network that is asked for again costs its full price again.
"""

from __future__ import annotations

import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.config.settings import SearchConfig
from orchestrator.simulate.score import Completion, GrowingFront, Scorer, Trace, figures
from orchestrator.simulate.table import ArchitectureTable, TableRow
from search_spaces.registry import architecture
from search_spaces.space import Point

SHARES = (0.95, 0.99)
"""Of the oracle's hypervolume: the cost to each is what the benchmark states."""

MAX_TABLES = 2.0
"""A search is given up when it has cost as much as training the table so many times."""


class Peer(ABC):
    """Proposes points and is told what became of them.

    Values are what the score looks at before scaling: 1 - accuracy first, then log10 of each cost, all minimised.
    """

    @abstractmethod
    def ask(self, number: int) -> Point:
        """The point of trial ``number``; earlier trials may still run."""

    def goes_on(self, number: int, epoch: int, values: Sequence[float]) -> bool:
        """Whether a trial is trained beyond an epoch that is not the last."""
        return True

    @abstractmethod
    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """What a trial trained to its end has given; None where it diverged or was stopped."""


class Stop:
    """Ends a search when it has reached the largest share, or has cost too much."""

    def __init__(self, scorer: Scorer, *, num_workers: int, max_tables: float = MAX_TABLES) -> None:
        self.max_time_s = max_tables * math.fsum(scorer.cost_s.values()) / num_workers
        self._target = scorer.target(max(SHARES))
        self._front = GrowingFront(scorer.points)

    def after(self, completion: Completion) -> bool:
        """Whether the search ends with this completion; to be told all of them in order."""
        return self._front.add(completion.architecture_id) >= self._target or completion.time_s > self.max_time_s


class Search(Protocol):
    """One simulated search; its trace may go on after ``stop`` would have ended it."""

    def __call__(
        self, table: ArchitectureTable, config: SearchConfig, *, seed: int, num_workers: int, stop: Stop
    ) -> Trace: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Trial:
    row: TableRow
    curve: tuple[float, ...]
    began_s: float

    def time_s(self, epoch: int) -> float:
        return self.began_s + epoch * self.row.epoch_cost_s


def run_peer(
    peer: Peer, table: ArchitectureTable, config: SearchConfig, *, seed: int, num_workers: int, stop: Stop
) -> Trace:
    """Runs a peer over the curves of one of the table's seeds."""
    return _Run(peer, table, config, table_seed=seed % table.num_seeds).until(stop, num_workers=num_workers)


class _Run:
    """Events are ends of epochs: (time, trial, epoch); at equal times the trial that was asked first comes first."""

    def __init__(self, peer: Peer, table: ArchitectureTable, config: SearchConfig, *, table_seed: int) -> None:
        self._peer = peer
        self._table = table
        self._config = config
        self._table_seed = table_seed
        self._trials: list[_Trial] = []
        self._events: list[tuple[float, int, int]] = []

    def until(self, stop: Stop, *, num_workers: int) -> Trace:
        trace: list[Completion] = []
        for _ in range(num_workers):
            self._start(0.0)
        while True:
            time_s, number, epoch = heapq.heappop(self._events)
            if time_s > stop.max_time_s:
                return trace
            if self._goes_on(number, epoch):
                self._expect(number, epoch + 1)
                continue
            if self._is_complete(number, epoch):
                architecture_id = self._trials[number].row.architecture.architecture_id
                trace.append(Completion(time_s=time_s, architecture_id=architecture_id))
                if stop.after(trace[-1]):
                    return trace
            self._start(time_s)

    def _start(self, time_s: float) -> None:
        number = len(self._trials)
        row = self._table.rows[architecture(self._peer.ask(number), self._config.task).architecture_id]
        curve = tuple(row.accuracy_SE[self._table_seed].tolist())
        self._trials.append(_Trial(row=row, curve=curve, began_s=time_s))
        self._expect(number, 1)

    def _expect(self, number: int, epoch: int) -> None:
        heapq.heappush(self._events, (self._trials[number].time_s(epoch), number, epoch))

    def _goes_on(self, number: int, epoch: int) -> bool:
        """Whether a trial has another epoch; the peer is told when it has not."""
        values = self._values(number, epoch)
        is_last = epoch == self._table.num_epochs
        if not is_last and math.isfinite(values[0]) and self._peer.goes_on(number, epoch, values):
            return True
        self._peer.tell(number, values if self._is_complete(number, epoch) else None)
        return False

    def _is_complete(self, number: int, epoch: int) -> bool:
        return epoch == self._table.num_epochs and math.isfinite(self._trials[number].curve[-1])

    def _values(self, number: int, epoch: int) -> list[float]:
        trial = self._trials[number]
        image_size = self._config.task.image_size
        return figures(trial.row, trial.curve[epoch - 1], self._config.objectives, image_size=image_size)
