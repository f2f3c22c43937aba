"""A study without training: the real store, sampler, scheduler and referee, over a table and a simulated clock."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.config.identity import config_hash, frozen_settings
from orchestrator.config.settings import SearchConfig
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import Cause, EpochReport, TrialState
from orchestrator.schedule.referee import Referee
from orchestrator.schedule.rungs import rung_judge
from orchestrator.schedule.stopping import StopCriteria
from orchestrator.simulate.score import Completion
from orchestrator.simulate.table import ArchitectureTable, TableRow
from orchestrator.store.messages import Message, MessageKind, WorkerResult
from orchestrator.store.opening import create, take
from orchestrator.store.rows import Attempt
from orchestrator.store.store import StudyStore
from orchestrator.suggest.costing import Prediction
from orchestrator.suggest.proposals import Proposals
from orchestrator.suggest.wiring import proposals_of
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError

MAX_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    attempt: Attempt
    row: TableRow
    began_s: float


class SimulatedStudy:
    """Workers that look up what a training would give.

    A free worker asks at once; an epoch ends when the table says so. Architectures that the table lacks count as
    impossible: they cost nothing.
    """

    def __init__(self, store: StudyStore, config: SearchConfig, table: ArchitectureTable, *, table_seed: int) -> None:
        self.store = store
        self.time_s = 0.0
        self.trace: list[Completion] = []
        self._config = config
        self._table = table
        self._table_seed = table_seed
        self._num_epochs = min(config.recipe.epochs, table.num_epochs)
        self._proposals: Proposals = proposals_of(
            store, config, predictions={LATENCY_MS: Prediction(of_one=self._latency_ms)}
        )
        judge = rung_judge(store, config)
        self._referee = Referee(store, decide=judge, max_attempts=MAX_ATTEMPTS, on_end=lambda: None)
        self._criteria = StopCriteria(config)
        self._is_over = False
        self._events: list[tuple[float, int, int]] = []  # time, trial, epoch that ends
        self._running: dict[int, _Running] = {}

    @classmethod
    def begun(cls, root: Path, config: SearchConfig, table: ArchitectureTable, *, table_seed: int) -> Self:
        """A new study in an empty folder."""
        frozen = frozen_settings(config)
        create(root, name=config.study.name, frozen=frozen, frozen_hash=config_hash(frozen))
        return cls(take(root), config, table, table_seed=table_seed)

    def run(self, *, num_workers: int, until: Callable[[Completion], bool] = lambda _: False) -> None:
        """Runs to the end of the budget, or until a completion satisfies ``until``."""
        num_free = num_workers
        while True:
            while num_free and self._start():
                num_free -= 1
            if not self._events:
                return
            self.time_s, number, epoch = heapq.heappop(self._events)
            if self._end_epoch(number, epoch):
                self._expect(number, epoch + 1)
                continue
            num_free += 1
            running = self._running.pop(number)
            if self.store.records[number].state is TrialState.COMPLETED:
                name = running.row.architecture.architecture_id
                self.trace.append(Completion(time_s=self.time_s, architecture_id=name))
                if until(self.trace[-1]):
                    return

    def _start(self) -> bool:
        """Whether a trial could begin; what forbids it once forbids it for good."""
        self._is_over |= self._criteria.reason(self.store.records.values(), self.time_s) is not None
        attempt = None if self._is_over else self._proposals.next()
        if attempt is None:
            return False
        row = self._table.rows[self.store.records[attempt.trial].architecture_id]
        self._running[attempt.trial] = _Running(attempt=attempt, row=row, began_s=self.time_s)
        self._expect(attempt.trial, 1)
        return True

    def _expect(self, number: int, epoch: int) -> None:
        running = self._running[number]
        heapq.heappush(self._events, (running.began_s + epoch * running.row.epoch_cost_s, number, epoch))

    def _end_epoch(self, number: int, epoch: int) -> bool:
        """Reports an epoch, and the end after the last; returns whether the trial goes on."""
        running = self._running[number]
        accuracy = float(running.row.accuracy_SE[self._table_seed, epoch - 1])
        wall_time_s = epoch * running.row.epoch_cost_s
        if not math.isfinite(accuracy):
            result = WorkerResult(state=TrialState.FAILED, cause=Cause.DIVERGED, wall_time_s=wall_time_s)
            return self._send(running, MessageKind.END, result=result)
        report = EpochReport(epoch=epoch, accuracy=accuracy, loss=0.0, train_loss=0.0, wall_time_s=wall_time_s)
        if not self._send(running, MessageKind.REPORT, report=report):
            return False
        if epoch < self._num_epochs:
            return True
        result = WorkerResult(state=TrialState.COMPLETED, accuracy=accuracy, loss=0.0, wall_time_s=wall_time_s)
        return self._send(running, MessageKind.END, result=result)

    def _send(
        self,
        running: _Running,
        kind: MessageKind,
        *,
        report: EpochReport | None = None,
        result: WorkerResult | None = None,
    ) -> bool:
        attempt = running.attempt
        return self._referee.receive(
            Message(trial=attempt.trial, token=attempt.token, kind=kind, report=report, result=result)
        )

    def _latency_ms(self, architecture: Architecture) -> float:
        row = self._table.rows.get(architecture.architecture_id)
        if row is None:
            raise ArchitectureError("the table has no such architecture")
        return row.latency_ms
