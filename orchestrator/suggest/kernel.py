"""How alike networks are: a trend in their costs, a Matern 5/2 over the costs, another over the axes within a family.

A network is described twice: by its costs, which all families share, and by its axes, which say something within its
family only. Scales are kept as logarithms: deviations of trend, costs and axes, lengths of costs and axes, deviation of
the noise. Features lie in [0, 1].

Legend: N networks, M others, C features of cost, A features of axes, P scales.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

SOURCE_VARIANCE = 1.0
"""Of the constant by which the values of another study differ from those of this one."""

_SQRT_5 = float(np.sqrt(5.0))


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

    def __getitem__(self, rows: Rows) -> Features:
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


class Kernel:
    """Covariances of all networks at given scales, worked out by the row as they are asked for, and remembered.

    From one suggestion to the next hardly any row is new. A row is always worked out whole, so that it is the same to
    the last bit whenever that happens.
    """

    def __init__(self, features: Features, scales_P: Array) -> None:
        self.features = features
        self.scales_P = scales_P
        self.noise = noise_variance(scales_P)
        variances = np.exp(2 * scales_P[:3])
        self._variances = variances
        self._trend_NC = trend(features)
        self._squares_N = (features.costs_NC**2).sum(axis=1)
        self._rows_of_family = [
            np.flatnonzero(features.family_N == family) for family in range(features.family_N.max(initial=-1) + 1)
        ]
        self._axes_of_family = [_varying(features.axes_NA[rows]) for rows in self._rows_of_family]
        self._place_N = np.zeros(len(features), dtype=np.intp)
        for rows in self._rows_of_family:
            self._place_N[rows] = np.arange(len(rows))
        self._known: dict[int, Array] = {}
        diagonal_N = variances[0] * (self._trend_NC**2).sum(axis=1) + variances[1] + variances[2]
        self.diagonal_N: Array = diagonal_N + SOURCE_VARIANCE * (features.source_N > 0)

    def __len__(self) -> int:
        return len(self.features)

    def between(self, rows: Rows, columns: Rows) -> Array:
        """Covariances of some networks with others, without noise."""
        found_NM = np.empty((len(rows), len(columns)))
        for found_M, row in zip(found_NM, rows.tolist(), strict=True):
            self._row(row).take(columns, out=found_M, mode="clip")  # "raise" would go by way of a buffer
        return found_NM

    def weighted(self, rows: Rows, weights_N: Array) -> Array:
        """Sums of the covariances of some networks with every one."""
        sums_M = np.zeros(len(self))
        for row, weight in zip(rows.tolist(), weights_N.tolist(), strict=True):
            sums_M += weight * self._row(row)
        return sums_M

    def forget_but(self, rows: Iterable[int]) -> None:
        """Drops all other rows, so that what is remembered is bounded."""
        kept = set(rows)
        self._known = {row: row_N for row, row_N in self._known.items() if row in kept}

    def _row(self, row: int) -> Array:
        if row not in self._known:
            self._known[row] = self._worked_out(row)
        return self._known[row]

    def _worked_out(self, row: int) -> Array:
        features, variances = self.features, self._variances
        costs_C, family = features.costs_NC[row], int(features.family_N[row])
        distance_N = _roots(self._squares_N + self._squares_N[row] - 2 * features.costs_NC @ costs_C)
        row_N: Array = variances[0] * (self._trend_NC @ self._trend_NC[row])
        row_N += variances[1] * matern(distance_N, self.scales_P[3])
        alike, axes_FA = self._rows_of_family[family], self._axes_of_family[family]
        distance_F = _roots(((axes_FA - axes_FA[self._place_N[row]]) ** 2).sum(axis=1))
        row_N[alike] += variances[2] * matern(distance_F, self.scales_P[4])
        if features.source_N[row]:
            row_N[features.source_N == features.source_N[row]] += SOURCE_VARIANCE
        return row_N


def matern(distance: Array, log_length: float) -> Array:
    """Of smoothness 5/2 (Rasmussen and Williams 2006, eq. 4.17)."""
    scaled = _SQRT_5 * distance / np.exp(log_length)
    value: Array = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return value


def matern_slope(distance: Array, log_length: float) -> Array:
    """By the logarithm of the length."""
    scaled = _SQRT_5 * distance / np.exp(log_length)
    slope: Array = scaled**2 * (1.0 + scaled) / 3.0 * np.exp(-scaled)
    return slope


def trend(features: Features) -> Array:
    """Straight lines through the middle of the costs."""
    return features.costs_NC - 0.5


def noise_variance(scales_P: Array) -> float:
    """By how much a value that is observed differs from the network's own."""
    return float(np.exp(2 * scales_P[5])) + 1e-6


def _roots(squared: Array) -> Array:
    distances: Array = np.sqrt(np.maximum(squared, 0.0))
    return distances


def _varying(axes_NA: Array) -> Array:
    """Without the columns in which nothing differs: axes of other families, most of all."""
    return axes_NA[:, np.ptp(axes_NA, axis=0) > 0] if len(axes_NA) else axes_NA
