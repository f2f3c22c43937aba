"""Asynchronous successive halving for several objectives: at each rung the best third goes on.

Successive halving without waiting is ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning");
for several objectives, trials are ordered by non-dominated sorting (Schmucker et al. 2021, "Multi-objective
Asynchronous Successive Halving"). A trial is judged once at each rung, the moment it gets there, among all trials that
got there before it, whatever became of them. What is compared is its accuracy at the rung and what it costs.

Three things are decided here. Trials of one rank are equals: all of them go on where one does, so nothing that nobody
dominates is ever stopped, and more than a third may survive. A trial among the first two at a rung goes on, because
there is no third of them yet and a stop is for good. The rungs are those of the rule ``front``: the papers' begin at
one epoch, where the learning rate still warms up, and end in the decay, where accuracies do not compare.

Suffix: N trials.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.schedule.progress import Peers, Progress
from orchestrator.schedule.rule import Decision

ETA = 3
"""One in so many goes on at each rung."""


def decide(candidate: Progress, peers: Peers, *, rank_N: NDArray[np.intp] | None = None) -> Decision:
    """Whether a trial that has reached a rung goes on, given the other trials; their order does not matter.

    Args:
        rank_N: what ``ranks`` says of the peers, where it is known already.

    Raises:
        ValueError: the candidate has no accuracy at the rung.
    """
    # Ranks above the candidate's own are the same without it: all it dominates ranks below it anyway.
    rank_N = ranks(peers) if rank_N is None else rank_N
    rank = int(rank_N[peers.dominate(candidate)].max(initial=-1)) + 1
    num_better = int(((rank_N >= 0) & (rank_N < rank)).sum())
    num_trials = int(peers.has_value.sum()) + 1
    num_places = max(1, num_trials // ETA)
    reason = f"behind {num_better} of {num_trials} trials at epoch {peers.rung} by its rank {rank}; {num_places} go on"
    return Decision(go_on=num_trials < ETA or num_better < num_places, reason=reason)


def ranks(peers: Peers) -> NDArray[np.intp]:
    """The non-dominated rank of each trial among those that have reached the rung, 0 for the front; -1 for others."""
    rank_N = np.full(len(peers.value_N), -1, dtype=np.intp)
    has_reached_N = peers.has_value
    rank_N[has_reached_N] = pareto.ranks(points(peers)[has_reached_N])
    return rank_N


def points(peers: Peers) -> NDArray[np.float64]:
    """What is compared at the rung, (N, 1 + M), all to be minimised; NaN in the rows of those that are not there."""
    return np.column_stack([-peers.value_N, peers.costs_NM])
