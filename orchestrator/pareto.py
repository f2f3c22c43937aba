"""Dominance, fronts, ranks, hypervolume and the knee. Points are float arrays (n, m); every column is minimised.

Infinite coordinates compare as numbers do; NaN compares with nothing and is refused.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE = 1.1
"""Of a hypervolume, in every objective that is scaled to [0, 1]: the extremes of a front count a little as well."""

_BLOCK = 256
"""Points compared with the front at a time: bounds the memory to front x 256 booleans."""


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    pair = _checked(np.stack([np.asarray(a, dtype=float), np.asarray(b, dtype=float)]))
    return bool((pair[0] <= pair[1]).all() and (pair[0] < pair[1]).any())


def non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other point dominates; equal points stay together.

    Raises:
        ValueError: the points are no (n, m) array, or hold NaN.
    """
    unique, inverse = _sorted_unique(_checked(points))
    front = np.empty((0, unique.shape[1]))
    is_front = np.zeros(len(unique), dtype=bool)
    for start in range(0, len(unique), _BLOCK):
        block = unique[start : start + _BLOCK]
        open_rows = np.flatnonzero(~_weakly_dominates(front, block).any(axis=0))
        rivals = block[open_rows]
        alone = _weakly_dominates(rivals, rivals).sum(axis=0) == 1
        is_front[start + open_rows[alone]] = True
        front = np.concatenate([front, rivals[alone]])
    return is_front[inverse]


def clearly_non_dominated(low: ArrayLike, high: ArrayLike) -> NDArray[np.bool_]:
    """Which boxes no other box clearly dominates: by none of the points that either may stand for.

    Box ``a`` clearly dominates ``b`` where the high corner of ``a`` dominates the low corner of ``b``. That is a strict
    partial order: ``high(a) <= low(b) <= high(b) <= low(c)``. So whoever is dominated is dominated by a member of the
    front, and there are no cycles, as there would be no order if boxes that overlap counted as equal. Boxes without
    width compare as points do.

    Args:
        low, high: (n, m), the ends of what each coordinate may be.

    Raises:
        ValueError: they are no arrays of one shape (n, m), hold NaN, or ``low`` is above ``high``.
    """
    lows, highs = _checked(low), _checked(high)
    if lows.shape != highs.shape or (lows > highs).any():
        raise ValueError("boxes need a low and a high end in every column, low <= high")
    if (lows == highs).all():
        return non_dominated(lows)
    is_front = np.empty(len(lows), dtype=bool)
    for start in range(0, len(lows), _BLOCK):
        block = lows[start : start + _BLOCK]
        # Nowhere worse both ways means equal points; those don't dominate each other.
        is_dominated = _weakly_dominates(highs, block) & ~_weakly_dominates(block, highs).T
        is_front[start : start + _BLOCK] = ~is_dominated.any(axis=0)
    return is_front


def ranks(points: ArrayLike) -> NDArray[np.intp]:
    """Non-dominated sorting: 0 on the front, 1 on the front of the rest, and so on.

    A point's rank is the length of the longest chain of points that dominate each other down to it, so that one pass in
    lexicographic order is enough.
    """
    unique, inverse = _sorted_unique(_checked(points))
    rank = np.zeros(len(unique), dtype=np.intp)
    for row in range(1, len(unique)):
        above = (unique[:row] <= unique[row]).all(axis=1)
        rank[row] = rank[:row][above].max(initial=-1) + 1
    return rank[inverse]


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """The volume between the points and the reference point; a point that is not below it in every column adds nothing.

    Exact: two and three columns by a sweep (Fonseca et al. 2006), more by slicing along the last column until there are
    three (HSO, While et al. 2006), which costs a factor of the front's size for each.

    Raises:
        ValueError: shapes do not fit, or a coordinate that counts is not finite.
    """
    corner = np.asarray(reference, dtype=float)
    if corner.ndim != 1 or not corner.size or not np.isfinite(corner).all():
        raise ValueError("the reference point must be one row of finite numbers")
    below = _checked(points, num_columns=corner.size)
    inside = below[(below < corner).all(axis=1)]
    if not np.isfinite(inside).all():
        raise ValueError("the hypervolume of an infinite point is not defined")
    return _volume(inside[non_dominated(inside)], corner) if len(inside) else 0.0


def knee_distances(points: ArrayLike) -> NDArray[np.float64]:
    """How far each point of the front is from the ideal point along the diagonal; infinite off the front.

    It is the mean of the point's normalised coordinates: the front's best and worst value of a column become 0 and 1,
    and a column in which the front does not differ counts nothing.
    """
    array = _checked(points)
    on_front = non_dominated(array)
    front, distances = array[on_front], np.full(len(array), np.inf)
    if len(front):
        if not np.isfinite(front).all():
            raise ValueError("a knee needs finite coordinates")
        spread = np.ptp(front, axis=0)
        distances[on_front] = ((front - front.min(axis=0)) / np.where(spread > 0, spread, 1.0)).mean(axis=1)
    return distances


def knee(points: ArrayLike) -> int:
    """The row that bulges farthest towards the ideal point; the first of equals.

    Das 1999 (*On characterizing the "knee" of the Pareto curve*) takes the front's point that is farthest from the
    plane through its extremes. With every column normalised on the front that plane's normal is (1, ..., 1), so the
    knee has the smallest ``knee_distances``.

    Raises:
        ValueError: there is no point.
    """
    distances = knee_distances(points)
    if not len(distances):
        raise ValueError("no points, no knee")
    return int(distances.argmin())


def _checked(points: ArrayLike, *, num_columns: int | None = None) -> NDArray[np.float64]:
    # Adding 0.0 turns -0.0 into 0.0: the two are equal, and must sort as equals.
    array = np.asarray(points, dtype=float) + 0.0
    if array.shape == (0,):
        array = array.reshape(0, num_columns or 1)
    if array.ndim != 2 or array.shape[1] != (num_columns or max(array.shape[1], 1)):
        raise ValueError(f"points must be rows of {num_columns or 'one or more'} columns, got shape {array.shape}")
    if np.isnan(array).any():
        raise ValueError("points hold NaN, which compares with nothing")
    return array


def _sorted_unique(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Unique rows in lexicographic order, where a row comes before all it dominates, and each point's row there."""
    unique, inverse = np.unique(points, axis=0, return_inverse=True)
    return unique, inverse.reshape(-1)


def _weakly_dominates(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(len(a), len(b)): whether a row of ``a`` is nowhere worse than a row of ``b``."""
    result = np.ones((len(a), len(b)), dtype=bool)
    for column_a, column_b in zip(a.T, b.T, strict=True):
        result &= column_a[:, None] <= column_b[None, :]
    return result


def _volume(points: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    if corner.size == 1:
        return float(corner[0] - points.min())
    ordered = points[np.argsort(points[:, -1], kind="stable")]
    depths = np.diff(ordered[:, -1], append=corner[-1])
    if corner.size == 2:
        return float((depths * (corner[0] - np.minimum.accumulate(ordered[:, 0]))).sum())
    if corner.size == 3:
        return math.fsum(area * depth for area, depth in zip(_areas(ordered, corner), depths, strict=True))
    slices = (row for row in range(len(ordered)) if depths[row] > 0)
    return sum(float(depths[row]) * _slice(ordered[: row + 1, :-1], corner[:-1]) for row in slices)


def _slice(points: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    return _volume(points[non_dominated(points)], corner)


def _areas(points: NDArray[np.float64], corner: NDArray[np.float64]) -> Iterator[float]:
    """The area below the corner that the first 1, 2, ... points cover in the first two columns.

    ``xs`` rises and ``ys`` falls: the corners of the staircase so far, between two that stand for its open ends.
    """
    xs, ys, area = [-np.inf, float(corner[0])], [float(corner[1]), -np.inf], 0.0
    for x, y in points[:, :2].tolist():
        first = bisect_left(xs, x)
        if ys[first - 1] > y and not (xs[first] == x and ys[first] <= y):
            last, left = first, x
            while True:
                area += (xs[last] - left) * (ys[last - 1] - y)
                if ys[last] < y:
                    break
                left, last = xs[last], last + 1
            xs[first:last], ys[first:last] = [x], [y]
        yield area
