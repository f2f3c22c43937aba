"""Non-dominated ranks at a rung, kept while trials arrive one after another.

Sorting 10,000 trials anew takes half a second; a new one moves few of the others (Li et al. 2017, "Efficient
Nondomination Level Update Method for Steady-State Evolutionary Multiobjective Optimization").

Suffixes: N trials, K columns of a point, L members of one rank.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orchestrator.schedule import asha
from orchestrator.schedule.progress import Peers


class Ranking:
    """``asha.ranks`` of one rung, from what it was at the call before."""

    def __init__(self) -> None:
        self._points_NK = np.empty((0, 0))
        self._rank_N = np.empty(0, dtype=np.intp)

    def ranks(self, peers: Peers) -> NDArray[np.intp]:
        """The ranks of the peers, who keep their rows from call to call; new ones come last."""
        points_NK = asha.points(peers)
        known_NK = points_NK[: len(self._points_NK)]
        was_there_N = self._rank_N >= 0
        if np.array_equal(known_NK[was_there_N], self._points_NK[was_there_N]):
            self._arrive(points_NK, peers.has_value)
        else:
            # A trial that was trained again from an earlier epoch: rare enough to sort anew.
            self._points_NK, self._rank_N = points_NK, asha.ranks(peers)
        return self._rank_N

    def _arrive(self, points_NK: NDArray[np.float64], has_reached_N: NDArray[np.bool_]) -> None:
        rank_N = np.full(len(points_NK), -1, dtype=np.intp)
        rank_N[: len(self._rank_N)] = self._rank_N
        self._points_NK, self._rank_N = points_NK, rank_N
        for row in np.flatnonzero(has_reached_N & (rank_N < 0)):
            self._insert(int(row))

    def _insert(self, row: int) -> None:
        """Ranks one more point, then moves down what it dominates in its rank, what those dominate in the next, ..."""
        moved_LK = self._points_NK[row : row + 1]
        dominates_N = _dominates(self._points_NK, moved_LK)[:, 0]
        level = int(self._rank_N[dominates_N].max(initial=-1)) + 1
        self._rank_N[row] = level
        while len(moved_LK):
            members = np.flatnonzero(self._rank_N == level)
            pushed = members[_dominates(moved_LK, self._points_NK[members]).any(axis=0)]
            level += 1
            self._rank_N[pushed] = level
            moved_LK = self._points_NK[pushed]


def _dominates(a_NK: NDArray[np.float64], b_LK: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, L): whether a row of ``a`` dominates a row of ``b``; a row with NaN compares with nothing."""
    is_no_worse_NL = np.ones((len(a_NK), len(b_LK)), dtype=bool)
    is_better_NL = np.zeros_like(is_no_worse_NL)
    for a_N, b_L in zip(a_NK.T, b_LK.T, strict=True):
        is_no_worse_NL &= a_N[:, None] <= b_L[None, :]
        is_better_NL |= a_N[:, None] < b_L[None, :]
    return is_no_worse_NL & is_better_NL
