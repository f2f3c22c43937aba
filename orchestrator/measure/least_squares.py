"""Least squares with coefficients that are not negative (Lawson and Hanson 1974, ch. 23), without importing scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_TOLERANCE = 1e-9


def non_negative_least_squares(rows_NF: Vector, values_N: Vector) -> Vector:
    """The x >= 0 for which ``rows_NF @ x`` is nearest to ``values_N``."""
    x_F = np.zeros(rows_NF.shape[1])
    is_free_F = np.zeros(len(x_F), dtype=bool)
    # Each pass lowers the residual, so that no set of free coefficients comes twice; the bound is against rounding.
    for _ in range(3 * len(x_F)):
        gradient_F = rows_NF.T @ (values_N - rows_NF @ x_F)
        gradient_F[is_free_F] = 0.0
        best = int(gradient_F.argmax())
        if gradient_F[best] <= _TOLERANCE:
            break
        is_free_F[best] = True
        x_F = _settled(rows_NF, values_N, x_F, is_free_F)
    return x_F


def _settled(rows_NF: Vector, values_N: Vector, x_F: Vector, is_free_F: NDArray[np.bool_]) -> Vector:
    """The optimum over the free coefficients; those that it would make negative are fixed at zero on the way."""
    while True:
        target_F = np.zeros_like(x_F)
        target_F[is_free_F] = np.linalg.lstsq(rows_NF[:, is_free_F], values_N, rcond=None)[0]
        is_blocked_F = is_free_F & (target_F <= 0.0)
        if not is_blocked_F.any():
            return target_F
        start, way = x_F[is_blocked_F], (x_F - target_F)[is_blocked_F]
        step = float(np.divide(start, way, out=np.zeros_like(start), where=way > 0.0).min())
        x_F = x_F + step * (target_F - x_F)
        is_free_F &= x_F > _TOLERANCE
        x_F[~is_free_F] = 0.0
