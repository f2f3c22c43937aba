"""Which architecture is trained next: asks, costs them in closed form, and refuses what teaches nothing new."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.config.seeds import derive_seed
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Constraint,
)
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.store.remote_study import fetched_model
from orchestrator.store.rows import Ask, Attempt
from orchestrator.suggest.costing import Costing
from orchestrator.suggest.sampler import OptunaSampler, Suggestion
from orchestrator.suggest.stored import StoredResults
from search_spaces import registry
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.space import Point, SearchSpace

logger = logging.getLogger(__name__)

MAX_SAMPLER_ASKS = 20
"""Refusals in a row after which points are drawn at random: TPE repeats 10-13 of 100 points (optuna#5440)."""
MAX_RANDOM_ASKS = 2_000
"""Random draws in a row without a new feasible point after which the space counts as exhausted."""


class Ledger(Protocol):
    """The part of the store that proposals read and write."""

    @property
    def records(self) -> Mapping[int, TrialRecord]: ...

    @property
    def asks(self) -> Sequence[Ask]: ...

    @property
    def num_live(self) -> int: ...

    @property
    def running_asks(self) -> Set[int]: ...

    def record_of_ask(self, ask: int) -> TrialRecord | None: ...

    def lost_trials(self) -> list[int]: ...

    def restart(self, trial: int) -> Attempt: ...

    def refuse(self, ask: Ask) -> None: ...

    def start(self, ask: Ask, record: TrialRecord) -> Attempt: ...

    def reuse(self, ask: Ask, record: TrialRecord, *, model: Path) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What is known of a point before training; None for an architecture that cannot be built."""

    architecture: Architecture | None
    figures: Mapping[str, float]
    message: str = ""


class Proposals:
    """Hands out attempts until the budget is spent: first of trials that lost their workers, then of new ones.

    With a ``lag``, suggestion k sees how trials up to k - lag ended, and nothing of those after; it waits for them.
    So whatever order trials end in, every suggestion is the same.
    """

    def __init__(
        self,
        *,
        store: Ledger,
        sampler: OptunaSampler,
        space: SearchSpace,
        constraints: Sequence[Constraint],
        costing: Costing,
        num_trials: int,
        seed: int,
        stored: StoredResults | None = None,
        lag: int | None = None,
    ) -> None:
        self._store = store
        self._sampler = sampler
        self._space = space
        self._constraints = tuple(item for item in constraints if item.name != ACCURACY)
        self._costing = costing
        self._num_trials = num_trials
        self._seed = seed
        self._stored = stored or StoredResults()
        self._lag = lag
        self._seen = {record.architecture_id for record in store.records.values()}
        self._num_trained = sum(record.cause is not Cause.REUSED for record in store.records.values())
        self.is_exhausted = False

    def next(self) -> Attempt | None:
        """The next attempt, committed; None when the budget is spent, nothing new is left, or it must wait."""
        lost = self._store.lost_trials()
        if lost:
            return self._store.restart(lost[0])
        if self.is_spent or self.is_exhausted or self._must_wait():
            return None
        return self._new_trial()

    def form(self, attempt: Attempt) -> dict[str, object]:
        """The architecture that an attempt trains, as JSON values."""
        return dict(self._store.records[attempt.trial].architecture)

    @property
    def is_spent(self) -> bool:
        """Whether the budget of new trials is spent; results that were taken from elsewhere cost nothing."""
        return self._num_trained >= self._num_trials

    @property
    def may_come(self) -> bool:
        """Whether an attempt may follow later although there is none now: running trials end, or lose their workers."""
        return self._store.num_live > 0

    def _must_wait(self) -> bool:
        """All trials before the newest visible one had ended when the last suggestion was made."""
        newest = len(self._store.records) - (self._lag or 0)
        return self._lag is not None and newest >= 0 and not self._store.records[newest].state.is_end

    def _visible(self, ask: int) -> TrialRecord | None:
        """The trial of an ask as the next suggestion may see it; one within the lag counts as running."""
        record = self._store.record_of_ask(ask)
        if record is not None and self._lag is not None and record.number > len(self._store.records) - self._lag:
            return None
        return record

    def _new_trial(self) -> Attempt | None:
        for suggestion in self._suggestions():
            ask, costs = self._judge(suggestion)
            if ask.refusal is not None:
                logger.debug("ask %d refused: %s %s", ask.number, ask.refusal, costs.message)
                self._store.refuse(ask)
                continue
            assert costs.architecture is not None
            record = self._record(costs.architecture, costs.figures)
            self._seen.add(record.architecture_id)
            stored = self._stored.results.get(record.architecture_id)
            if stored is None:
                self._num_trained += 1
                return self._store.start(ask, record)
            self._store.reuse(ask, stored.taken_for(record), model=fetched_model(Path(stored.model)))
        self.is_exhausted = True
        return None

    def _suggestions(self) -> Iterator[Suggestion]:
        """The sampler's while they bring something new, then random points that are new by construction."""
        num_refused = 0
        while num_refused < MAX_SAMPLER_ASKS:
            num_trials = len(self._store.records)
            self._sampler.observe(self._store.asks, self._visible, running=self._store.running_asks)
            try:
                yield self._sampler.ask(len(self._store.asks))
            except LookupError:
                break
            num_refused = num_refused + 1 if len(self._store.records) == num_trials else 0
        rng = random.Random(derive_seed(self._seed, "random", len(self._store.asks)))
        for _ in range(MAX_RANDOM_ASKS):
            point = self._space.sample(rng)
            if self._refusal(self._costs(point)) is None:
                yield Suggestion(point=point, reason={"how": "random"})

    def _judge(self, suggestion: Suggestion) -> tuple[Ask, Costs]:
        costs = self._costs(suggestion.point)
        violations = {
            item.name: item.violation(costs.figures[item.name]) for item in self._constraints if costs.figures
        }
        if costs.architecture is None:
            violations = {"geometry": 1.0}
        ask = Ask(
            number=len(self._store.asks),
            point=suggestion.point,
            refusal=self._refusal(costs),
            violations=violations,
            reason=suggestion.reason,
            attributes=suggestion.attributes,
        )
        return ask, costs

    def _refusal(self, costs: Costs) -> str | None:
        if costs.architecture is None:
            return "impossible"
        if any(item.violation(costs.figures[item.name]) > 0 for item in self._constraints):
            return "infeasible"
        return "duplicate" if costs.architecture.architecture_id in self._seen else None

    def _costs(self, point: Point) -> Costs:
        try:
            architecture = registry.architecture(point, self._costing.task)
            figures = self._costing.of(architecture)
        except ArchitectureError as error:
            return Costs(architecture=None, figures={}, message=error.message)
        return Costs(architecture=architecture, figures=figures)

    def _record(self, architecture: Architecture, figures: Mapping[str, float]) -> TrialRecord:
        return TrialRecord(
            number=len(self._store.records),
            state=TrialState.RUNNING,
            family=architecture.family,
            architecture=architecture.to_dict(),
            architecture_id=architecture.architecture_id,
            num_parameters=int(figures[NUM_PARAMETERS]),
            macs=int(figures[MACS]),
            predicted_latency_ms=figures[LATENCY_MS],
            file_bytes=int(figures[FILE_BYTES]),
            peak_memory_bytes=int(figures[PEAK_MEMORY_BYTES]),
            predicted_throughput_per_s=figures.get(THROUGHPUT_PER_S),
        )
