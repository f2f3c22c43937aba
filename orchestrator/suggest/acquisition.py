"""Which candidate is worth its training most: expected hypervolume improvement per predicted second.

Legend: N observed networks, M candidates, D cost objectives, K regressors, P pairs of a level and a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator import pareto
from orchestrator.suggest.improvement import expected_hypervolume_improvement, shifted_lognormal
from orchestrator.suggest.kernel import Features, Rows
from orchestrator.suggest.surrogate import Surrogate

Array = NDArray[np.float64]

ERROR_SHIFT = 0.003
"""Added to an error before its logarithm is taken: the last tenths of a per cent must not count for everything."""

MAX_CONDITIONED = 32
"""Pending networks that lower the deviation of their like, the newest; all of them count in the front that is to be
improved. With 128 suggestions take longer and searches cost no less (``tests/benchmarks/pending.py``)."""

_MIN_ERROR_RANGE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Networks:
    """Networks and what is known of them without training.

    Attributes:
        objectives_ND: the costs that are objectives, as logarithms scaled to [0, 1].
        work_NK: logarithms of what the seconds of training depend on.
    """

    features: Features
    objectives_ND: Array
    work_NK: Array

    def __getitem__(self, rows: NDArray[np.intp]) -> Networks:
        return Networks(
            features=self.features[rows], objectives_ND=self.objectives_ND[rows], work_NK=self.work_NK[rows]
        )

    def __len__(self) -> int:
        return len(self.work_NK)

    def joined(self, others: Networks) -> Networks:
        """These networks, then the others."""
        return Networks(
            features=self.features.joined(others.features),
            objectives_ND=np.concatenate([self.objectives_ND, others.objectives_ND]),
            work_NK=np.concatenate([self.work_NK, others.work_NK]),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Worth:
    """Candidates as they are judged; ``gain`` is in units of scaled hypervolume, ``rate`` is gain per second."""

    gain_M: Array
    rate_M: Array
    error_M: Array
    error_low_M: Array
    error_high_M: Array


def to_value(error: Array) -> Array:
    """An error as the surrogate models it."""
    value: Array = np.log(error + ERROR_SHIFT)
    return value


def to_error(value: Array) -> Array:
    error: Array = np.exp(value) - ERROR_SHIFT
    return error


def judge(
    networks: Networks,
    surrogate: Surrogate,
    candidates: Rows,
    *,
    error_N: Array,
    pending: Rows,
    seconds_M: Array,
    max_error: float,
) -> Worth:
    """The worth of each candidate, given what was observed and what is being trained; above ``max_error`` it is 0.

    ``error_N`` are the errors that the surrogate is given, those of other studies among them.

    A pending network counts as if it ended as predicted, so that nobody trains its like beside it. The front that must
    be improved is that of the predicted errors of all networks of this study: a lucky seed hides no other network.
    """
    is_ours_N = networks.features.source_N[surrogate.rows] == 0
    known = np.concatenate([surrogate.rows[is_ours_N], pending])
    believed_N, mean_M = to_error(surrogate.mean_N[known]), surrogate.mean_N[candidates]
    std_M = surrogate.std(candidates, beside=pending[-MAX_CONDITIONED:])
    seen_N = np.concatenate([believed_N, error_N[is_ours_N]]) if len(known) else to_error(mean_M)
    low, high = (believed_N if len(known) else seen_N).min(), seen_N.max()
    unit = max(high - low, _MIN_ERROR_RANGE)
    expected_below = shifted_lognormal(mean_M, std_M, shift=ERROR_SHIFT)
    front_D = networks.objectives_ND[known]
    gain_M = expected_hypervolume_improvement(
        lambda level_P, candidate_P: expected_below(low + unit * level_P, candidate_P) / unit,
        networks.objectives_ND[candidates],
        np.column_stack([(believed_N - low) / unit, front_D]),
        reference=np.array([min(pareto.REFERENCE, (max_error - low) / unit)] + [pareto.REFERENCE] * front_D.shape[1]),
    )
    return Worth(
        gain_M=gain_M,
        rate_M=gain_M / seconds_M,
        error_M=to_error(mean_M),
        error_low_M=to_error(mean_M - 2 * std_M),
        error_high_M=to_error(mean_M + 2 * std_M),
    )


# Exponents of MACs, activations and layers in the seconds of an epoch: between a small network on one core, whose time
# goes into calls, and a large one, whose time goes into arithmetic.
_EXPONENTS_K = np.array([0.35, 0.25, 0.4])
_EXPONENT_STD = 0.3
_SECONDS_STD = 0.2


def predicted_seconds(candidates: Networks, observed: Networks, seconds_N: Array) -> Array:
    """Seconds of an epoch by a power law of MACs, activations and layers: its exponents start from those above.

    Without observations the unit is arbitrary; only ratios count.
    """
    exponents_K, offset = _EXPONENTS_K, 0.0
    if len(seconds_N):
        mean_K = observed.work_NK.mean(axis=0)
        work_NK = observed.work_NK - mean_K
        target_N = np.log(seconds_N)
        residual_N = target_N - target_N.mean() - work_NK @ _EXPONENTS_K
        precision_KK = work_NK.T @ work_NK / _SECONDS_STD**2 + np.eye(len(mean_K)) / _EXPONENT_STD**2
        exponents_K = _EXPONENTS_K + np.linalg.solve(precision_KK, work_NK.T @ residual_N / _SECONDS_STD**2)
        offset = target_N.mean() - float(mean_K @ exponents_K)
    seconds_M: Array = np.exp(offset + candidates.work_NK @ exponents_K)
    return seconds_M
