"""All trials of a study in columns, brought up to date at each rung decision.

Records are replaced and never changed, so one that is the same object says nothing new: of 10,000 trials a decision
reads the few that have moved since the one before.

Suffixes: N trials, M cost objectives, R rungs.
"""

from __future__ import annotations

import itertools
import math
import operator
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
        self._records: list[TrialRecord] = []
        self._row_of: dict[int, int] = {}
        num_costs = sum(one.name != ACCURACY for one in objectives)
        self._columns = _Columns.empty(num_costs=num_costs, num_rungs=len(self._rungs))

    def observe(self, records: Mapping[int, TrialRecord]) -> None:
        """Takes in what is new; a trial keeps its row for good.

        Where records come in the order of before, which they do in a study, those that have not changed cost nothing.
        """
        is_new = map(operator.is_not, records.values(), itertools.chain(self._records, itertools.repeat(None)))
        for number, record in list(itertools.compress(records.items(), is_new)):
            row = self._row_of.get(number)
            if row is None:
                row = self._row_of[number] = len(self._records)
                self._records.append(record)
                self._columns = self._columns.with_room_for(len(self._records))
            elif self._records[row] is record:
                continue
            self._records[row] = record
            self._write(row, record)

    def peers(self, rung: int, *, of: int, lag: int | None = None) -> Peers:
        """The trials beside the one called ``of``, at a rung; with a lag, only those numbered so far below it.

        All others keep their rows, as trials that have not begun.
        """
        num_trials, column = len(self._records), self._rungs.index(rung)
        value_N, final_N = self._columns.value_NR[:num_trials, column].copy(), self._columns.final_N[:num_trials].copy()
        number_N = self._columns.number_N[:num_trials]
        is_hidden_N = number_N == of if lag is None else (number_N == of) | (number_N > of - lag)
        value_N[is_hidden_N] = final_N[is_hidden_N] = math.nan
        return Peers(rung=rung, costs_NM=self._columns.costs_NM[:num_trials], value_N=value_N, final_N=final_N)

    def _write(self, row: int, record: TrialRecord) -> None:
        found = progress(record, self._objectives)
        self._columns.number_N[row] = record.number
        self._columns.costs_NM[row] = found.costs
        self._columns.value_NR[row] = [found.accuracy_at.get(rung, math.nan) for rung in self._rungs]
        self._columns.final_N[row] = math.nan if found.final_accuracy is None else found.final_accuracy


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Columns:
    """Arrays with room to spare."""

    number_N: NDArray[np.int64]
    costs_NM: NDArray[np.float64]
    value_NR: NDArray[np.float64]
    final_N: NDArray[np.float64]

    @classmethod
    def empty(cls, *, num_costs: int, num_rungs: int) -> _Columns:
        return cls(
            number_N=np.empty(0, dtype=np.int64),
            costs_NM=np.empty((0, num_costs)),
            value_NR=np.empty((0, num_rungs)),
            final_N=np.empty(0),
        )

    def with_room_for(self, num_trials: int) -> _Columns:
        room = len(self.final_N)
        if num_trials <= room:
            return self
        more = max(64, room)
        return replace(
            self,
            number_N=np.concatenate([self.number_N, np.full(more, -1)]),
            costs_NM=np.concatenate([self.costs_NM, np.full((more, self.costs_NM.shape[1]), math.nan)]),
            value_NR=np.concatenate([self.value_NR, np.full((more, self.value_NR.shape[1]), math.nan)]),
            final_N=np.concatenate([self.final_N, np.full(more, math.nan)]),
        )
