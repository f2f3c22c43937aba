"""What is believed of the accuracy of networks that were not trained: a Gaussian process over those that were.

Six scales of its kernel are fitted by the marginal likelihood under priors that keep them sensible while points are few
(Rasmussen and Williams 2006, ch. 5). Networks of another study inform it up to a constant.

Legend: N trained networks, M others, P scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from orchestrator.suggest.kernel import Features, Kernel, Rows, matern, matern_slope, noise_variance, trend

Array = NDArray[np.float64]

# Of the scales, in the kernel's order; values are standardised.
_PRIOR_MEAN_P = np.log([1.0, 0.5, 0.3, 0.5, 0.7, 0.25])
_PRIOR_STD_P = np.array([0.7, 0.7, 0.7, 0.5, 0.5, 0.7])
_MAX_ITERATIONS = 25


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surrogate:
    """A process given the values of some networks; the kernel's scales may come from fewer of them.

    Attributes:
        rows: of the networks whose values are given.
        covariance_NN: of those networks, without noise.
        unit: deviation of those values.
        mean_N: what is believed of every network.
    """

    kernel: Kernel
    rows: Rows
    covariance_NN: Array
    unit: float
    mean_N: Array

    @classmethod
    def conditioned(cls, kernel: Kernel, rows: Rows, values_N: Array) -> Self:
        """The process given the values of some networks; equal networks may have different values."""
        offset, unit = _standard(values_N)
        covariance_NN = kernel.between(rows, rows)
        factor_NN = _factor(covariance_NN, kernel)
        weights_N = cho_solve((factor_NN, True), (values_N - offset) / unit, check_finite=False)
        mean_N = offset + unit * kernel.weighted(rows, weights_N)
        return cls(kernel=kernel, rows=rows, covariance_NN=covariance_NN, unit=unit, mean_N=mean_N)

    def std(self, others: Rows, *, beside: Rows) -> Array:
        """Standard deviation of their noiseless values, ``std_M``, as if ``beside`` had ended as predicted, too.

        What equals its prediction changes no mean.
        """
        rows, num_known = np.concatenate([self.rows, beside]), len(self.rows)
        covariance_NN = np.zeros((len(rows), len(rows)))  # a factor is made of its lower half alone
        covariance_NN[:num_known, :num_known] = self.covariance_NN
        covariance_NN[num_known:] = self.kernel.between(beside, rows)
        covariance_NM = self.kernel.between(rows, others)
        self.kernel.forget_but(rows.tolist())  # of networks that were pending before
        explained_NM = solve_triangular(
            _factor(covariance_NN, self.kernel), covariance_NM, lower=True, check_finite=False
        )
        variance_M = self.kernel.diagonal_N[others] - np.einsum("nm,nm->m", explained_NM, explained_NM)
        std_M: Array = self.unit * np.sqrt(np.maximum(variance_M, 1e-8))
        return std_M


def fit_scales(features: Features, values_N: Array) -> Array:
    """The most probable scales; a function of the points alone, whatever was fitted before."""
    offset, unit = _standard(values_N)
    gram = _Gram.of(features)
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
    """What the kernel needs of every pair of this study's networks, worked out once for all scales."""

    trend_NN: Array
    cost_distance_NN: Array
    axis_distance_NN: Array
    same_family_NN: Array

    @classmethod
    def of(cls, features: Features) -> Self:
        return cls(
            trend_NN=trend(features) @ trend(features).T,
            cost_distance_NN=_distances(features.costs_NC),
            axis_distance_NN=_distances(features.axes_NA),
            same_family_NN=(features.family_N[:, None] == features.family_N[None, :]).astype(float),
        )

    def parts(self, scales_P: Array) -> tuple[Array, Array, Array]:
        variance_3 = np.exp(2 * scales_P[:3])
        return (
            variance_3[0] * self.trend_NN,
            variance_3[1] * matern(self.cost_distance_NN, scales_P[3]),
            variance_3[2] * matern(self.axis_distance_NN, scales_P[4]) * self.same_family_NN,
        )


def _negative_log_posterior(scales_P: Array, gram: _Gram, targets_N: Array) -> tuple[float, Array]:
    """With its gradient; Rasmussen and Williams 2006, eq. 5.9, and normal priors on the logarithms."""
    parts = gram.parts(scales_P)
    noise = noise_variance(scales_P)
    num_points = len(targets_N)
    factor_NN = cholesky(sum(parts) + np.eye(num_points) * noise, lower=True)
    weights_N = cho_solve((factor_NN, True), targets_N)
    slack_NN = cho_solve((factor_NN, True), np.eye(num_points)) - np.outer(weights_N, weights_N)
    slopes = [2 * part for part in parts]
    variance_3 = np.exp(2 * scales_P[:3])
    slopes.append(variance_3[1] * matern_slope(gram.cost_distance_NN, scales_P[3]))
    slopes.append(variance_3[2] * matern_slope(gram.axis_distance_NN, scales_P[4]) * gram.same_family_NN)
    gradient_P = np.array([0.5 * float((slack_NN * slope).sum()) for slope in slopes] + [noise * np.trace(slack_NN)])
    z_P = (scales_P - _PRIOR_MEAN_P) / _PRIOR_STD_P
    loss = 0.5 * float(targets_N @ weights_N) + float(np.log(np.diag(factor_NN)).sum()) + 0.5 * float(z_P @ z_P)
    return loss, gradient_P + z_P / _PRIOR_STD_P


def _distances(features_NK: Array) -> Array:
    squares_N = (features_NK**2).sum(axis=1)
    squared_NN = squares_N[:, None] + squares_N[None, :] - 2 * features_NK @ features_NK.T
    distance_NN: Array = np.sqrt(np.maximum(squared_NN, 0.0))
    return distance_NN


def _factor(covariance_NN: Array, kernel: Kernel) -> Array:
    """The Cholesky factor of what is observed of some networks; the upper half of their covariance is not looked at."""
    observed_NN = covariance_NN + kernel.noise * np.eye(len(covariance_NN))
    factor_NN: Array = cholesky(observed_NN, lower=True, overwrite_a=True, check_finite=False)
    return factor_NN


def _standard(values_N: Array) -> tuple[float, float]:
    """What is taken off and divided by; one value, or equal ones, keep their unit."""
    spread = float(values_N.std())
    return float(values_N.mean()), spread if spread > 1e-9 else 1.0
