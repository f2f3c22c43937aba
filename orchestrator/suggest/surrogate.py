"""What is believed of the accuracy of networks that were not trained: a Gaussian process over those that were.

A network is described twice: by its costs, which all families share, and by its axes, which say something within its
family only. The kernel is a trend in the costs, a Matern 5/2 over the costs, and a Matern 5/2 over the axes between
networks of one family. Six scales are fitted by the marginal likelihood under priors that keep them sensible while
points are few (Rasmussen and Williams 2006, ch. 5). Networks of another study inform it up to a constant.

Legend: N trained networks, M others, C features of cost, A features of axes, P scales.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

Array = NDArray[np.float64]

_SQRT_5 = float(np.sqrt(5.0))

# Scales are kept as logarithms: deviations of trend, costs and axes, lengths of costs and axes, deviation of the noise.
# Values are standardised, features lie in [0, 1].
_PRIOR_MEAN_P = np.log([1.0, 0.5, 0.3, 0.5, 0.7, 0.25])
_PRIOR_STD_P = np.array([0.7, 0.7, 0.7, 0.5, 0.5, 0.7])
_MAX_ITERATIONS = 25

_SOURCE_VARIANCE = 1.0
"""Of the constant by which the values of another study differ from those of this one."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Features:
    """Networks as the surrogate sees them, one row each, columns within [0, 1].

    Attributes:
        family_N: index of the family.
        costs_NC: logarithms of what is known of every network.
        axes_NA: the values of the family's axes.
        source_N: 0 for networks of this study; those of another one, trained otherwise, share a number.
    """

    family_N: NDArray[np.int64]
    costs_NC: Array
    axes_NA: Array
    source_N: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.intp]) -> Features:
        return Features(
            family_N=self.family_N[rows],
            costs_NC=self.costs_NC[rows],
            axes_NA=self.axes_NA[rows],
            source_N=self.source_N[rows],
        )

    def __len__(self) -> int:
        return len(self.family_N)

    def joined(self, others: Features) -> Features:
        """These networks, then the others."""
        return Features(
            family_N=np.concatenate([self.family_N, others.family_N]),
            costs_NC=np.concatenate([self.costs_NC, others.costs_NC]),
            axes_NA=np.concatenate([self.axes_NA, others.axes_NA]),
            source_N=np.concatenate([self.source_N, others.source_N]),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surrogate:
    """A fitted process; ``scales_P`` may come from fewer points than it is conditioned on."""

    features: Features
    scales_P: Array
    offset: float
    unit: float
    targets_N: Array
    factor_NN: Array
    weights_N: Array

    @classmethod
    def conditioned(cls, features: Features, values_N: Array, scales_P: Array) -> Self:
        """The process given the values of some networks; equal networks may have different values."""
        offset, unit = _standard(values_N)
        gram = _Gram.of(features, features)
        factor_NN = cholesky(gram.matrix(scales_P) + np.eye(len(features)) * _noise(scales_P), lower=True)
        targets_N = (values_N - offset) / unit
        return cls(
            features=features,
            scales_P=scales_P,
            offset=offset,
            unit=unit,
            targets_N=targets_N,
            factor_NN=factor_NN,
            weights_N=cho_solve((factor_NN, True), targets_N),
        )

    def with_more(self, features: Features, values_N: Array) -> Surrogate:
        """The process given further values, in its own unit, so that what they equal stays as it was believed."""
        both = self.features.joined(features)
        gram_NN = _Gram.of(both, both).matrix(self.scales_P)
        factor_NN = cholesky(gram_NN + np.eye(len(both)) * _noise(self.scales_P), lower=True)
        targets_N = np.concatenate([self.targets_N, (values_N - self.offset) / self.unit])
        return replace(
            self,
            features=both,
            targets_N=targets_N,
            factor_NN=factor_NN,
            weights_N=cho_solve((factor_NN, True), targets_N),
        )

    def predict(self, others: Features) -> tuple[Array, Array]:
        """Mean and standard deviation of the noiseless values of other networks, ``mean_M`` and ``std_M``."""
        cross_NM = _Gram.of(self.features, others).matrix(self.scales_P)
        explained_NM = solve_triangular(self.factor_NN, cross_NM, lower=True, check_finite=False)
        variance_M = _Gram.diagonal(others, self.scales_P) - np.einsum("nm,nm->m", explained_NM, explained_NM)
        mean_M: Array = self.offset + self.unit * (self.weights_N @ cross_NM)
        std_M: Array = self.unit * np.sqrt(np.maximum(variance_M, 1e-8))
        return mean_M, std_M


def fit_scales(features: Features, values_N: Array) -> Array:
    """The most probable scales; a function of the points alone, whatever was fitted before."""
    offset, unit = _standard(values_N)
    gram = _Gram.of(features, features)
    targets_N = (values_N - offset) / unit

    def loss(scales_P: Array) -> tuple[float, Array]:
        return _negative_log_posterior(scales_P, gram, targets_N)

    bounds = list(zip(_PRIOR_MEAN_P - 3 * _PRIOR_STD_P, _PRIOR_MEAN_P + 3 * _PRIOR_STD_P, strict=True))
    found = minimize(
        loss, _PRIOR_MEAN_P, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _MAX_ITERATIONS}
    )
    scales_P: Array = found.x
    return scales_P


def prior_scales() -> Array:
    """The scales before there is anything to fit them on."""
    return _PRIOR_MEAN_P.copy()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Gram:
    """What the kernel needs of every pair, computed once for all scales."""

    trend_NM: Array
    cost_distance_NM: Array
    axis_distance_NM: Array
    same_family_NM: Array
    source_NM: Array

    @classmethod
    def of(cls, first: Features, second: Features) -> Self:
        return cls(
            trend_NM=_trend(first) @ _trend(second).T,
            cost_distance_NM=_distances(first.costs_NC, second.costs_NC),
            axis_distance_NM=_distances(first.axes_NA, second.axes_NA),
            same_family_NM=(first.family_N[:, None] == second.family_N[None, :]).astype(float),
            source_NM=_SOURCE_VARIANCE * _same_source(first.source_N, second.source_N),
        )

    @staticmethod
    def diagonal(features: Features, scales_P: Array) -> Array:
        deviations = np.exp(2 * scales_P[:3])
        diagonal_N: Array = deviations[0] * (_trend(features) ** 2).sum(axis=1) + deviations[1] + deviations[2]
        return diagonal_N + _SOURCE_VARIANCE * (features.source_N > 0)

    def parts(self, scales_P: Array) -> tuple[Array, Array, Array]:
        variance_3 = np.exp(2 * scales_P[:3])
        return (
            variance_3[0] * self.trend_NM,
            variance_3[1] * _matern(self.cost_distance_NM, scales_P[3]),
            variance_3[2] * _matern(self.axis_distance_NM, scales_P[4]) * self.same_family_NM,
        )

    def matrix(self, scales_P: Array) -> Array:
        trend_NM, costs_NM, axes_NM = self.parts(scales_P)
        return trend_NM + costs_NM + axes_NM + self.source_NM


def _negative_log_posterior(scales_P: Array, gram: _Gram, targets_N: Array) -> tuple[float, Array]:
    """With its gradient; Rasmussen and Williams 2006, eq. 5.9, and normal priors on the logarithms."""
    parts = gram.parts(scales_P)
    noise = _noise(scales_P)
    num_points = len(targets_N)
    factor_NN = cholesky(sum(parts) + gram.source_NM + np.eye(num_points) * noise, lower=True)
    weights_N = cho_solve((factor_NN, True), targets_N)
    slack_NN = cho_solve((factor_NN, True), np.eye(num_points)) - np.outer(weights_N, weights_N)
    slopes = [2 * part for part in parts]
    variance_3 = np.exp(2 * scales_P[:3])
    slopes.append(variance_3[1] * _matern_slope(gram.cost_distance_NM, scales_P[3]))
    slopes.append(variance_3[2] * _matern_slope(gram.axis_distance_NM, scales_P[4]) * gram.same_family_NM)
    gradient_P = np.array([0.5 * float((slack_NN * slope).sum()) for slope in slopes] + [noise * np.trace(slack_NN)])
    z_P = (scales_P - _PRIOR_MEAN_P) / _PRIOR_STD_P
    loss = 0.5 * float(targets_N @ weights_N) + float(np.log(np.diag(factor_NN)).sum()) + 0.5 * float(z_P @ z_P)
    return loss, gradient_P + z_P / _PRIOR_STD_P


def _matern(distance: Array, log_length: float) -> Array:
    scaled = _SQRT_5 * distance / np.exp(log_length)
    value: Array = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return value


def _matern_slope(distance: Array, log_length: float) -> Array:
    """By the logarithm of the length."""
    scaled = _SQRT_5 * distance / np.exp(log_length)
    slope: Array = scaled**2 * (1.0 + scaled) / 3.0 * np.exp(-scaled)
    return slope


def _trend(features: Features) -> Array:
    """Straight lines through the middle of the costs."""
    return features.costs_NC - 0.5


def _distances(first_NK: Array, second_MK: Array) -> Array:
    squared = (first_NK**2).sum(axis=1)[:, None] + (second_MK**2).sum(axis=1)[None, :] - 2 * first_NK @ second_MK.T
    distance_NM: Array = np.sqrt(np.maximum(squared, 0.0))
    return distance_NM


def _same_source(first_N: NDArray[np.int64], second_M: NDArray[np.int64]) -> Array:
    """1 for two networks of one other study."""
    same_NM: Array = ((first_N[:, None] == second_M[None, :]) & (first_N[:, None] > 0)).astype(float)
    return same_NM


def _noise(scales_P: Array) -> float:
    return float(np.exp(2 * scales_P[5])) + 1e-6


def _standard(values_N: Array) -> tuple[float, float]:
    """What is taken off and divided by; one value, or equal ones, keep their unit."""
    spread = float(values_N.std())
    return float(values_N.mean()), spread if spread > 1e-9 else 1.0
