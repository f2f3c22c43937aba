"""How well the rungs of a study told who would end ahead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.records import TrialRecord, TrialState


@dataclass(frozen=True, kw_only=True, slots=True)
class RankCorrelation:
    """Spearman's rank correlation of accuracies at an epoch with those at the end; None where they don't differ."""

    epoch: int
    rho: float | None
    num_trials: int


def stop_epochs(records: Iterable[TrialRecord]) -> tuple[int, ...]:
    """The rungs at which trials were stopped."""
    stopped = (record for record in records if record.state is TrialState.PRUNED and record.reports)
    return tuple(sorted({record.reports[-1].epoch for record in stopped}))


def rank_correlation(records: Iterable[TrialRecord], epoch: int) -> RankCorrelation:
    """Over the COMPLETED trials that were trained through an epoch; fewer than three say nothing."""
    pairs = [
        (report.accuracy, record.accuracy)
        for record in records
        if record.state is TrialState.COMPLETED
        for report in record.reports
        if report.epoch == epoch and report.is_finite
    ]
    rho = spearman(*zip(*pairs, strict=True)) if len(pairs) > 2 else None
    return RankCorrelation(epoch=epoch, rho=rho, num_trials=len(pairs))


def spearman(values: Sequence[float], others: Sequence[float]) -> float | None:
    """Pearson's correlation of ranks, equal values sharing their mean rank; None where one side does not differ."""
    ranks, other_ranks = (_mean_ranks(np.asarray(side, dtype=float)) for side in (values, others))
    ranks, other_ranks = ranks - ranks.mean(), other_ranks - other_ranks.mean()
    spread = math.sqrt(float((ranks**2).sum() * (other_ranks**2).sum()))
    return float((ranks * other_ranks).sum()) / spread if spread > 0 else None


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2.0)[inverse.reshape(-1)])
