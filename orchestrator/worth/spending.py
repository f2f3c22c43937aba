"""What the trials of a study cost, and what stopping some of them saved."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.records import Cause, TrialRecord, TrialState


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What the trials of one state cost, and would have cost in full where that can be said."""

    state: TrialState
    num_trials: int
    cost_s: float
    full_cost_s: float | None = None


def spending(records: Iterable[TrialRecord]) -> tuple[Spending, ...]:
    """By state, in the order of a trial's life; states without trials are left out."""
    trials = tuple(records)
    num_epochs = full_epochs(trials)
    by_state = {state: [record for record in trials if record.state is state] for state in TrialState}
    return tuple(
        Spending(
            state=state,
            num_trials=len(members),
            cost_s=math.fsum(map(cost_s, members)),
            full_cost_s=math.fsum(full_cost_s(record, num_epochs) for record in members)
            if state is TrialState.PRUNED
            else None,
        )
        for state, members in by_state.items()
        if members
    )


def cost_s(record: TrialRecord) -> float:
    """Seconds of training that a trial took in this study."""
    return 0.0 if record.cause is Cause.REUSED else record.wall_time_s


def full_cost_s(record: TrialRecord, num_epochs: int) -> float:
    """What a trial costs in full: of a stopped one, its seconds per epoch times the epochs of a whole training."""
    if record.state is not TrialState.PRUNED or not record.reports:
        return cost_s(record)
    return cost_s(record) * max(1.0, num_epochs / record.reports[-1].epoch)


def full_epochs(records: Iterable[TrialRecord]) -> int:
    """Epochs of a whole training: those of the COMPLETED trials; 0 while there is none."""
    return max(
        (one.reports[-1].epoch for one in records if one.state is TrialState.COMPLETED and one.reports), default=0
    )
