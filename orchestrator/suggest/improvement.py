"""How much hypervolume an architecture is expected to add whose costs are known and whose error is not.

Points are minimised: first the error (one minus accuracy), then the costs. What a point of known costs c adds at
error e is the integral over all levels t from e up to the reference error of the volume of costs that c covers and no
other point with an error of at most t does. With only the error uncertain its expectation needs no sampling and no
approximation: each box of costs that the front begins to cover at level t counts with the expected improvement below
the reference error, less the expected improvement below t.

Legend: N candidates, F points of the front, D costs, L levels of error, B boxes, P pairs of a level and a candidate.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

Rows = NDArray[np.intp]

ExpectedBelow = Callable[[Array, Rows], Array]
"""E[max(level - error, 0)] for pairs of a level (P,) and the error of a candidate, by its row (P,); ``normal`` and
``shifted_lognormal`` make one."""

Box = tuple[Sequence[float], Sequence[float]]
"""Low and high corner, costs alone."""

_BATCH = 256
"""Boxes that are looked at together: bounds the memory."""


def expected_hypervolume_improvement(
    expected_below: ExpectedBelow, costs_ND: Array, front_F: Array, *, reference: Array
) -> Array:
    """The exact expectation for candidates of uncertain errors and known costs.

    Args:
        costs_ND: of the candidates; one that is not below the reference in every cost adds nothing.
        front_F: points (F, 1 + D), errors first; those that are dominated do no harm.
        reference: the point (1 + D,) up to which volume counts.

    Returns:
        One value for each candidate, at least 0.
    """
    corner_D = reference[1:]
    below_reference_N = expected_below(np.full(len(costs_ND), reference[0]), np.arange(len(costs_ND)))
    expected_N = np.prod(np.maximum(corner_D - costs_ND, 0.0), axis=1) * below_reference_N
    for levels, starts, boxes in _batches(_newly_covered(front_F[front_F[:, 0] < reference[0]], corner_D)):
        covered_LN = np.add.reduceat(_volumes(boxes, costs_ND), starts, axis=0)
        level_P, candidate_P = np.nonzero(covered_LN)  # a fifth of all: most cost more than most of the front
        below_P = below_reference_N[candidate_P] - expected_below(levels[level_P], candidate_P)
        lost_P = covered_LN[level_P, candidate_P] * below_P
        expected_N -= np.bincount(candidate_P, weights=lost_P, minlength=len(expected_N))
    improvement_N: Array = np.maximum(expected_N, 0.0)
    return improvement_N


def normal(mean_N: Array, std_N: Array) -> ExpectedBelow:
    """Of normally distributed errors."""

    def expected_below(level_P: Array, candidate_P: Rows) -> Array:
        std_P = std_N[candidate_P]
        depth_P = (level_P - mean_N[candidate_P]) / std_P
        density_P = np.exp(-0.5 * depth_P**2) / np.sqrt(2.0 * np.pi)
        expected_P: Array = std_P * (depth_P * ndtr(depth_P) + density_P)
        return expected_P

    return expected_below


def shifted_lognormal(mean_N: Array, std_N: Array, *, shift: float) -> ExpectedBelow:
    """Of errors whose sum with ``shift`` has a logarithm of this mean and deviation: the price of a put option."""
    expected_sum_N = np.exp(mean_N + 0.5 * std_N**2)

    def expected_below(level_P: Array, candidate_P: Rows) -> Array:
        strike_P = np.maximum(level_P + shift, 1e-300)  # no error is below: the put is worth nothing
        std_P = std_N[candidate_P]
        depth_P = (np.log(strike_P) - mean_N[candidate_P]) / std_P
        expected_P: Array = strike_P * ndtr(depth_P) - expected_sum_N[candidate_P] * ndtr(depth_P - std_P)
        return np.maximum(expected_P, 0.0)

    return expected_below


def _volumes(boxes: Array, costs_ND: Array) -> Array:
    """What of each box (B, low and high, D) a candidate of these costs covers, as (B, N)."""
    volumes_BN = np.ones((len(boxes), len(costs_ND)))
    for low_B, high_B, costs_N in zip(boxes[:, 0].T, boxes[:, 1].T, costs_ND.T, strict=True):
        volumes_BN *= np.maximum(high_B[:, None] - np.maximum(low_B[:, None], costs_N), 0.0)
    return volumes_BN


def _batches(covered: Iterable[tuple[float, list[Box]]]) -> Iterator[tuple[Array, list[int], Array]]:
    """Levels (L,), where the boxes of each start, and all their boxes, some hundred at a time."""
    levels: list[float] = []
    starts: list[int] = []
    boxes: list[Box] = []
    for level, of_level in covered:
        if not of_level:
            continue
        levels.append(level)
        starts.append(len(boxes))
        boxes += of_level
        if len(boxes) >= _BATCH:
            yield np.array(levels), starts, np.array(boxes)
            levels, starts, boxes = [], [], []
    if boxes:
        yield np.array(levels), starts, np.array(boxes)


def _newly_covered(points_F: Array, corner_D: Array) -> Iterator[tuple[float, list[Box]]]:
    """Each point's error and the boxes of costs that no point of a smaller error covers."""
    ordered_F = points_F[(points_F[:, 1:] < corner_D).all(axis=1)]
    ordered_F = ordered_F[np.lexsort(ordered_F.T[::-1])]
    return _strips(ordered_F, corner_D) if len(corner_D) == 2 else _slices(ordered_F, corner_D)


def _strips(points_F: Array, corner_D: Array) -> Iterator[tuple[float, list[Box]]]:
    """For two costs: below each step of the staircase of those before that a point undercuts.

    ``xs`` rises and ``ys`` falls: the corners of the staircase, between two that stand for its open ends.
    """
    xs, ys = [-np.inf, float(corner_D[0])], [float(corner_D[1]), -np.inf]
    for level, x, y in zip(*points_F.T.tolist(), strict=True):
        first = bisect_left(xs, x)
        if ys[first - 1] <= y or (xs[first] == x and ys[first] <= y):
            continue
        strips: list[Box] = []
        last, left = first, x
        while True:
            strips.append(((left, y), (xs[last], ys[last - 1])))
            if ys[last] <= y:
                break
            left, last = xs[last], last + 1
        xs[first:last], ys[first:last] = [x], [y]
        yield level, strips


def _slices(points_F: Array, corner_D: Array) -> Iterator[tuple[float, list[Box]]]:
    """For any number of costs."""
    before = np.empty((0, len(corner_D)))
    for row in points_F:
        costs_D = row[1:]
        if (before <= costs_D).all(axis=1).any():
            continue
        yield float(row[0]), [(low.tolist(), high.tolist()) for low, high in _boxes(costs_D, before, corner_D)]
        before = np.vstack([before[~(before >= costs_D).all(axis=1)], costs_D])


def _boxes(low_D: Array, others_FD: Array, high_D: Array) -> Iterator[tuple[Array, Array]]:
    """Disjoint boxes that fill [low, high] except where it is at or above one of the others in every column."""
    others_FD = others_FD[(others_FD < high_D).all(axis=1)]
    if not len(others_FD):
        if (low_D < high_D).all():
            yield low_D, high_D
        return
    if len(low_D) == 1:
        end = float(others_FD.min())
        if low_D[0] < end:
            yield low_D, np.array([end])
        return
    # Slices along the last column: within one, the same others count.
    cuts = np.unique(np.maximum(others_FD[:, -1], low_D[-1]))
    edges = [float(low_D[-1]), *cuts[cuts > low_D[-1]].tolist(), float(high_D[-1])]
    for start, end in itertools.pairwise(edges):
        counting_FD = others_FD[others_FD[:, -1] <= start, :-1]
        for low, high in _boxes(low_D[:-1], counting_FD, high_D[:-1]):
            yield np.append(low, start), np.append(high, end)
