"""Which architecture is trained next: asks, costs them in closed form, and refuses what teaches nothing new."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config.seeds import derive_seed
from orchestrator.objectives import ACCURACY, Constraint
from orchestrator.records import TrialRecord, TrialState
from orchestrator.store.rows import Ask, Attempt
from orchestrator.store.store import StudyStore
from orchestrator.suggest.sampler import OptunaSampler
from search_spaces import registry
from search_spaces.architecture import Architecture, Task
from search_spaces.errors import ArchitectureError
from search_spaces.space import Point, SearchSpace

logger = logging.getLogger(__name__)

MAX_SAMPLER_ASKS = 20
"""Refusals in a row after which points are drawn at random: TPE repeats 10-13 of 100 points (optuna#5440)."""
MAX_RANDOM_ASKS = 2_000
"""Random draws in a row without a new feasible point after which the space counts as exhausted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What is known of a point before training; None for an architecture that cannot be built."""

    architecture: Architecture | None
    figures: Mapping[str, float]
    message: str = ""


class Proposals:
    """Hands out attempts until the budget is spent: first of trials that lost their workers, then of new ones."""

    def __init__(
        self,
        *,
        store: StudyStore,
        sampler: OptunaSampler,
        space: SearchSpace,
        task: Task,
        constraints: Sequence[Constraint],
        predict_latency_ms: Callable[[Architecture], float],
        num_trials: int,
        seed: int,
    ) -> None:
        self._store = store
        self._sampler = sampler
        self._space = space
        self._task = task
        self._constraints = tuple(item for item in constraints if item.name != ACCURACY)
        self._predict_latency_ms = predict_latency_ms
        self._num_trials = num_trials
        self._seed = seed
        self._seen = {record.architecture_id for record in store.records.values()}
        self.is_exhausted = False

    def next(self) -> Attempt | None:
        """The next attempt, committed; None when the budget is spent or nothing new is left."""
        lost = self._store.lost_trials()
        if lost:
            return self._store.restart(lost[0])
        if len(self._store.records) >= self._num_trials or self.is_exhausted:
            return None
        return self._new_trial()

    def form(self, attempt: Attempt) -> dict[str, object]:
        """The architecture that an attempt trains, as JSON values."""
        return dict(self._store.records[attempt.trial].architecture)

    @property
    def may_come(self) -> bool:
        """Whether an attempt may follow later although there is none now: running trials can lose their workers."""
        return self._store.num_live > 0

    def _new_trial(self) -> Attempt | None:
        for point in self._points():
            ask, costs = self._judge(point)
            if ask.refusal is None:
                assert costs.architecture is not None
                record = self._record(ask, costs.architecture, costs.figures)
                self._seen.add(record.architecture_id)
                return self._store.start(ask, record)
            logger.debug("ask %d refused: %s %s", ask.number, ask.refusal, costs.message)
            self._store.refuse(ask)
        self.is_exhausted = True
        return None

    def _points(self) -> Iterator[Point]:
        """Suggestions while they bring something new, then random points that are new by construction."""
        for _ in range(MAX_SAMPLER_ASKS):
            by_ask = {self._store.ask_of[number]: record for number, record in self._store.records.items()}
            self._sampler.observe(self._store.asks, by_ask)
            yield self._sampler.ask(len(self._store.asks))
        rng = random.Random(derive_seed(self._seed, "random", len(self._store.asks)))
        for _ in range(MAX_RANDOM_ASKS):
            point = self._space.sample(rng)
            if self._refusal(self._costs(point)) is None:
                yield point
                return

    def _judge(self, point: Point) -> tuple[Ask, Costs]:
        costs = self._costs(point)
        violations = {
            item.name: item.violation(costs.figures[item.name]) for item in self._constraints if costs.figures
        }
        if costs.architecture is None:
            violations = {"geometry": 1.0}
        ask = Ask(number=len(self._store.asks), point=point, refusal=self._refusal(costs), violations=violations)
        return ask, costs

    def _refusal(self, costs: Costs) -> str | None:
        if costs.architecture is None:
            return "impossible"
        if any(item.violation(costs.figures[item.name]) > 0 for item in self._constraints):
            return "infeasible"
        return "duplicate" if costs.architecture.architecture_id in self._seen else None

    def _costs(self, point: Point) -> Costs:
        try:
            architecture = registry.architecture(point, self._task)
            figures = {
                "num_parameters": float(architecture.num_parameters),
                "macs": float(architecture.macs(self._task.image_size)),
                "latency_ms": self._predict_latency_ms(architecture),
            }
        except ArchitectureError as error:
            return Costs(architecture=None, figures={}, message=error.message)
        return Costs(architecture=architecture, figures=figures)

    def _record(self, ask: Ask, architecture: Architecture, figures: Mapping[str, float]) -> TrialRecord:
        return TrialRecord(
            number=len(self._store.records),
            state=TrialState.RUNNING,
            family=architecture.family,
            architecture=architecture.to_dict(),
            architecture_id=architecture.architecture_id,
            num_parameters=int(figures["num_parameters"]),
            macs=int(figures["macs"]),
            predicted_latency_ms=figures["latency_ms"],
        )
