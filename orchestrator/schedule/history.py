"""All trials of a study in columns, brought up to date at each rung decision.

Records are replaced and never changed, so one that is the same object says nothing new, and what is measured of a trial
after its end is not looked at here: of 10,000 trials a decision reads the few that have moved since the one before.

Suffixes: N trials, M cost objectives, R rungs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orchestrator.objectives import ACCURACY, Objective
from orchestrator.records import TrialRecord
from orchestrator.schedule.progress import Peers, progress


class History:
    """The progress of every trial at the rungs of a study."""

    def __init__(self, objectives: Sequence[Objective], rungs: Sequence[int]) -> None:
        self._objectives = objectives
        self._rungs = tuple(rungs)
        self._num_trials = 0
        self._running: dict[int, TrialRecord] = {}  # as they were last written
        num_costs = sum(one.name != ACCURACY for one in objectives)
        self._columns = _Columns.empty(num_costs=num_costs, num_rungs=len(self._rungs))

    def observe(self, records: Mapping[int, TrialRecord]) -> None:
        """Takes in what is new; a trial's number is its row."""
        for number, written in list(self._running.items()):
            if records[number] is not written:
                self._write(records[number])
        self._columns = self._columns.with_room_for(len(records))
        for number in range(self._num_trials, len(records)):
            self._write(records[number])
        self._num_trials = len(records)

    def peers(self, rung: int, *, of: int, lag: int | None = None) -> Peers:
        """The trials beside the one called ``of``, at a rung; with a lag, only those numbered so far below it.

        All others keep their rows, as trials that have not begun.
        """
        num_trials, column = self._num_trials, self._rungs.index(rung)
        value_N, final_N = self._columns.value_NR[:num_trials, column].copy(), self._columns.final_N[:num_trials].copy()
        hidden = slice(of, of + 1) if lag is None else slice(max(0, of - lag + 1), None)
        value_N[hidden] = final_N[hidden] = math.nan
        return Peers(rung=rung, costs_NM=self._columns.costs_NM[:num_trials], value_N=value_N, final_N=final_N)

    def _write(self, record: TrialRecord) -> None:
        if record.state.is_end:
            self._running.pop(record.number, None)
        else:
            self._running[record.number] = record
        found = progress(record, self._objectives)
        self._columns.costs_NM[record.number] = found.costs
        self._columns.value_NR[record.number] = [found.accuracy_at.get(rung, math.nan) for rung in self._rungs]
        self._columns.final_N[record.number] = math.nan if found.final_accuracy is None else found.final_accuracy


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Columns:
    """Arrays with room to spare."""

    costs_NM: NDArray[np.float64]
    value_NR: NDArray[np.float64]
    final_N: NDArray[np.float64]

    @classmethod
    def empty(cls, *, num_costs: int, num_rungs: int) -> _Columns:
        return cls(
            costs_NM=np.empty((0, num_costs)),
            value_NR=np.empty((0, num_rungs)),
            final_N=np.empty(0),
        )

    def with_room_for(self, num_trials: int) -> _Columns:
        if num_trials <= len(self.final_N):
            return self
        more = max(64, num_trials)
        return replace(
            self,
            costs_NM=np.concatenate([self.costs_NM, np.full((more, self.costs_NM.shape[1]), math.nan)]),
            value_NR=np.concatenate([self.value_NR, np.full((more, self.value_NR.shape[1]), math.nan)]),
            final_N=np.concatenate([self.final_N, np.full(more, math.nan)]),
        )
