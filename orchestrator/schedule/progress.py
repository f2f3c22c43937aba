"""What a scheduler's rule knows of trials: of one of them, and of all others in columns.

Suffixes: N trials, M cost objectives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.objectives import ACCURACY, Objective, cost
from orchestrator.records import TrialRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What is known of a trial, in whatever state.

    Attributes:
        costs: the study's objectives but accuracy, each to be minimised, in one order for all trials. What is timed is
            predicted for all of them: it is what a running trial has.
        accuracy_at: validation accuracy by epoch.
        final_accuracy: of a COMPLETED trial.
    """

    costs: tuple[float, ...]
    accuracy_at: Mapping[int, float]
    final_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Peers:
    """The other trials of a study, as they are seen from one rung; their order means nothing.

    Attributes:
        rung: an epoch.
        value_N: accuracy at the rung; NaN where a trial has not reached it.
        final_N: accuracy at the end; NaN unless COMPLETED.
    """

    rung: int
    costs_NM: NDArray[np.float64]
    value_N: NDArray[np.float64]
    final_N: NDArray[np.float64]

    @classmethod
    def at(cls, rung: int, history: Iterable[Progress]) -> Peers:
        """The columns of some trials."""
        trials = tuple(history)
        num_costs = len(trials[0].costs) if trials else 1
        finals = (math.nan if one.final_accuracy is None else one.final_accuracy for one in trials)
        return cls(
            rung=rung,
            costs_NM=np.array([one.costs for one in trials], dtype=float).reshape(len(trials), num_costs),
            value_N=np.array([one.accuracy_at.get(rung, math.nan) for one in trials]),
            final_N=np.array(list(finals)),
        )

    @property
    def has_value(self) -> NDArray[np.bool_]:
        """(N,): who has a value at the rung."""
        return ~np.isnan(self.value_N)

    def cost_no_more(self, candidate: Progress) -> NDArray[np.bool_]:
        """(N,): who costs no more than the candidate in every respect."""
        is_within_NM: NDArray[np.bool_] = np.less_equal(self.costs_NM, np.array(candidate.costs))
        return np.asarray(is_within_NM.all(axis=1))

    def dominate(self, candidate: Progress) -> NDArray[np.bool_]:
        """(N,): who dominates the candidate at the rung; what has not reached it compares with nothing."""
        value = value_at(candidate, self.rung)
        is_cheaper_N = np.less(self.costs_NM, np.array(candidate.costs)).any(axis=1)
        is_better_N: NDArray[np.bool_] = (self.value_N > value) | ((self.value_N == value) & is_cheaper_N)
        return self.cost_no_more(candidate) & is_better_N


def progress(record: TrialRecord, objectives: Sequence[Objective]) -> Progress:
    """The part of a record that a rule looks at."""
    names = (objective.name for objective in objectives if objective.name != ACCURACY)
    return Progress(
        costs=tuple(cost(name, record.predicted(name)) for name in names),
        accuracy_at={report.epoch: report.accuracy for report in record.reports if math.isfinite(report.accuracy)},
        final_accuracy=record.accuracy,
    )


def value_at(candidate: Progress, rung: int) -> float:
    """The candidate's accuracy at the rung.

    Raises:
        ValueError: it has none.
    """
    if rung not in candidate.accuracy_at:
        raise ValueError(f"the trial has no accuracy at epoch {rung}")
    return candidate.accuracy_at[rung]
