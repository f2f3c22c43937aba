"""Dominance, fronts, ranks, hypervolume and the knee: properties, closed forms, and moocore as an oracle."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from orchestrator import pareto

Array = NDArray[np.float64]

# A coarse grid makes duplicates, ties in one column and chains; floats make everything else.
GRID = st.integers(-3, 3).map(float)
FLOATS = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)


def point_sets(min_columns: int = 1, max_columns: int = 4, max_rows: int = 12) -> st.SearchStrategy[Array]:
    shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=max_rows).map(
        lambda shape: (shape[0], min_columns + shape[1] % (max_columns - min_columns + 1))
    )
    return shapes.flatmap(
        lambda shape: st.one_of(arrays(float, shape, elements=GRID), arrays(float, shape, elements=FLOATS))
    )


def brute_force_front(points: Array) -> list[bool]:
    return [not any(pareto.dominates(other, point) for other in points) for point in points]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 1], [2, 2], True),
        ([1, 2], [1, 3], True),
        ([1, 2], [1, 2], False),
        ([1, 3], [2, 2], False),
        ([2, 2], [1, 1], False),
        ([-np.inf, 0], [0, 0], True),
    ],
)
def test_dominance_needs_nowhere_worse_and_somewhere_better(a: list[float], b: list[float], expected: bool) -> None:
    assert pareto.dominates(a, b) is expected


@given(point_sets())
def test_the_front_is_what_brute_force_finds(points: Array) -> None:
    assert pareto.non_dominated(points).tolist() == brute_force_front(points)


@st.composite
def box_sets(draw: st.DrawFn) -> tuple[Array, Array]:
    """Boxes on a coarse grid, some of them points, so that they touch, overlap and coincide."""
    low = draw(point_sets(max_rows=9))
    sides = draw(arrays(float, low.shape, elements=st.sampled_from([0.0, 0.0, 1.0, 2.0])))
    return low, low + sides


@given(box_sets())
def test_clear_dominance_is_a_strict_partial_order(boxes: tuple[Array, Array]) -> None:
    low, high = boxes
    indices = range(len(low))
    above = {(a, b) for a in indices for b in indices if pareto.dominates(high[a], low[b])}
    assert not any((b, a) in above for a, b in above)
    assert all((a, d) in above for a, b in above for c, d in above if b == c)


@given(box_sets())
def test_off_the_clear_front_is_what_a_member_of_it_clearly_dominates(boxes: tuple[Array, Array]) -> None:
    low, high = boxes
    mask = pareto.clearly_non_dominated(low, high)
    members = np.flatnonzero(mask)
    assert len(members)
    for row, is_member in enumerate(mask):
        assert is_member == (not any(pareto.dominates(high[member], low[row]) for member in members))


@given(point_sets())
def test_boxes_without_width_compare_as_points(points: Array) -> None:
    assert pareto.clearly_non_dominated(points, points).tolist() == pareto.non_dominated(points).tolist()


@given(box_sets())
def test_wider_boxes_only_add_to_the_clear_front(boxes: tuple[Array, Array]) -> None:
    low, high = boxes
    narrow, wide = pareto.clearly_non_dominated(low, high), pareto.clearly_non_dominated(low - 1.0, high + 1.0)
    assert wide[narrow].all()


def test_what_no_member_may_dominate_in_truth_stays_on_the_clear_front() -> None:
    """Were overlapping ends equal, B would be hidden by A and C by B, though C is faster than A beyond any doubt."""
    low, high = [[1, 5], [2, 3], [3, 1]], [[1, 10], [2, 6], [3, 4]]
    assert pareto.clearly_non_dominated(low, high).tolist() == [True, True, True]
    assert pareto.clearly_non_dominated([[1, 5], [2, 10]], [[1, 10], [2, 12]]).tolist() == [True, False]


def test_a_box_whose_low_end_is_above_its_high_end_is_refused() -> None:
    with pytest.raises(ValueError, match="low <= high"):
        pareto.clearly_non_dominated([[1.0]], [[0.0]])


@given(point_sets(max_rows=40), st.randoms(use_true_random=False))
def test_the_order_of_points_changes_neither_front_nor_ranks(points: Array, rng: object) -> None:
    order = list(range(len(points)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    assert (pareto.non_dominated(points)[order] == pareto.non_dominated(points[order])).all()
    assert (pareto.ranks(points)[order] == pareto.ranks(points[order])).all()


@given(point_sets())
def test_strictly_monotone_rescaling_of_each_column_changes_neither_front_nor_ranks(points: Array) -> None:
    rescaled = points.copy()
    for column in range(points.shape[1]):
        _, codes = np.unique(points[:, column], return_inverse=True)
        rescaled[:, column] = np.exp2(codes.reshape(-1)) - 7 * column
    assert (pareto.non_dominated(rescaled) == pareto.non_dominated(points)).all()
    assert (pareto.ranks(rescaled) == pareto.ranks(points)).all()


def test_duplicate_points_stay_on_the_front() -> None:
    assert pareto.non_dominated([[1, 2], [2, 1], [1, 2], [2, 2], [1.0, 2.0]]).tolist() == [
        True,
        True,
        True,
        False,
        True,
    ]


def test_negative_zero_is_zero() -> None:
    assert pareto.non_dominated([[0.0, 1.0], [-0.0, 1.0], [-0.0, 0.5]]).tolist() == [False, False, True]
    assert pareto.ranks([[0.0, 1.0], [-0.0, 1.0]]).tolist() == [0, 0]


@given(point_sets(), st.data())
def test_a_dominated_point_added_leaves_the_front_as_it_is(points: Array, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(points) - 1))
    worse = points[row] + np.eye(points.shape[1])[0] * (1.0 + abs(points[row, 0]))
    assert pareto.non_dominated(np.vstack([points, worse])).tolist() == [*pareto.non_dominated(points).tolist(), False]


@given(point_sets())
def test_ranks_are_repeated_peeling_of_fronts(points: Array) -> None:
    ranks, rest, rank = pareto.ranks(points), np.arange(len(points)), 0
    while len(rest):
        front = pareto.non_dominated(points[rest])
        assert (ranks[rest[front]] == rank).all()
        rest, rank = rest[~front], rank + 1


@pytest.mark.parametrize("num_columns", [2, 3, 4])
@pytest.mark.parametrize("num_points", [3, 255, 257, 1000])
def test_front_and_ranks_agree_with_moocore_across_blocks(num_points: int, num_columns: int) -> None:
    rng = np.random.default_rng(num_points + num_columns)
    for points in (rng.random((num_points, num_columns)), rng.integers(0, 12, (num_points, num_columns)).astype(float)):
        assert (pareto.non_dominated(points) == moocore.is_nondominated(points, keep_weakly=True)).all()
        assert (pareto.ranks(points) == moocore.pareto_rank(points)).all()


@pytest.mark.parametrize(
    ("points", "reference", "volume"),
    [
        ([[1.0]], [3.0], 2.0),
        ([[0, 0]], [2, 3], 6.0),
        ([[0, 1], [1, 0]], [2, 2], 3.0),
        ([[0, 0, 0]], [2, 3, 4], 24.0),
        ([[0, 1, 1], [1, 0, 1], [1, 1, 0]], [2, 2, 2], 4.0),
        ([[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]], [2, 2, 2, 2], 5.0),
        ([[5, 5]], [2, 2], 0.0),
        ([[2, 0]], [2, 2], 0.0),
        ([[0, np.inf], [1, 1]], [2, 2], 1.0),
    ],
)
def test_hypervolume_has_its_closed_form(points: list[list[float]], reference: list[float], volume: float) -> None:
    assert pareto.hypervolume(points, reference) == pytest.approx(volume)


@given(st.integers(1, 30), st.integers(2, 5))
def test_the_hypervolume_of_a_staircase_has_its_closed_form(num_steps: int, num_columns: int) -> None:
    """Steps (i, n - 1 - i) below (n, n) cover n (n + 1) / 2 unit cells; further columns of 0 below 1 change nothing."""
    steps = np.zeros((num_steps, num_columns))
    steps[:, 0] = np.arange(num_steps)
    steps[:, 1] = num_steps - 1 - steps[:, 0]
    reference = [num_steps, num_steps] + [1] * (num_columns - 2)
    assert pareto.hypervolume(steps, reference) == pytest.approx(num_steps * (num_steps + 1) / 2)


@given(point_sets(min_columns=2, max_rows=10))
def test_hypervolume_agrees_with_moocore(points: Array) -> None:
    points = np.clip(points, -100, 100)
    reference = [4.0] * points.shape[1]
    expected = moocore.hypervolume(points, ref=reference)
    assert pareto.hypervolume(points, reference) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("num_columns", [2, 3, 4])
def test_the_hypervolume_of_large_fronts_agrees_with_moocore(num_columns: int) -> None:
    rng = np.random.default_rng(num_columns)
    directions = rng.random((120, num_columns))
    sphere = 1 - directions / np.linalg.norm(directions, axis=1, keepdims=True)
    for points in (sphere, np.round(sphere, 1), rng.integers(0, 9, (400, num_columns)) / 8):
        expected = moocore.hypervolume(points, ref=[1.0] * num_columns)
        assert pareto.hypervolume(points, [1.0] * num_columns) == pytest.approx(expected, rel=1e-12)


@given(point_sets(min_columns=2, max_columns=4, max_rows=8), st.data())
def test_adding_a_point_never_lowers_the_hypervolume_and_a_covered_one_leaves_it(
    points: Array, data: st.DataObject
) -> None:
    points = np.clip(points, -10, 10)
    reference = np.full(points.shape[1], 11.0)
    before = pareto.hypervolume(points, reference)
    added = data.draw(arrays(float, points.shape[1], elements=st.floats(-10, 12)))
    after = pareto.hypervolume(np.vstack([points, added]), reference)
    assert after >= before * (1 - 1e-12)
    if (points <= added).all(axis=1).any():
        assert after == pytest.approx(before)


@given(point_sets(min_columns=2, max_columns=3, max_rows=8), st.floats(0.1, 10), st.floats(-5, 5))
def test_hypervolume_scales_with_each_column_and_ignores_a_shift(points: Array, factor: float, shift: float) -> None:
    points = np.clip(points, -10, 10)
    reference = np.full(points.shape[1], 11.0)
    scale = np.ones(points.shape[1])
    scale[0] = factor
    moved = pareto.hypervolume(points * scale + shift, reference * scale + shift)
    assert moved == pytest.approx(factor * pareto.hypervolume(points, reference), rel=1e-9)


def test_the_knee_of_a_hyperbola_is_its_vertex() -> None:
    x = np.geomspace(0.1, 10, 41)
    assert pareto.knee(np.column_stack([x, 1 / x])) == 20


def test_the_knee_ignores_dominated_points_and_columns_that_do_not_differ() -> None:
    points = [[0, 10, 5], [1, 1, 5], [10, 0, 5], [1000, 1000, 5]]
    assert pareto.knee(points) == 1


def test_the_knee_of_one_point_is_that_point() -> None:
    assert pareto.knee([[3.0, 4.0]]) == 0


@given(point_sets(min_columns=2, max_columns=3))
def test_the_knee_is_on_the_front(points: Array) -> None:
    assert pareto.non_dominated(points)[pareto.knee(points)]


@given(point_sets(min_columns=2, max_columns=3, max_rows=8), st.sampled_from([0.25, 2.0, 64.0]))
def test_the_knee_does_not_depend_on_the_unit_of_a_column(points: Array, factor: float) -> None:
    scale = np.ones(points.shape[1])
    scale[-1] = factor
    assert pareto.knee(points * scale) == pareto.knee(points)


@given(point_sets(min_columns=2, max_columns=3, max_rows=8))
def test_knee_distances_are_shares_on_the_front(points: Array) -> None:
    distances = pareto.knee_distances(points)[pareto.non_dominated(points)]
    assert (distances >= 0).all()
    assert (distances <= 1).all()


@pytest.mark.parametrize("function", [pareto.non_dominated, pareto.ranks, pareto.knee, pareto.knee_distances])
def test_nan_is_refused(function: object) -> None:
    with pytest.raises(ValueError, match="NaN"):
        function([[0.0, np.nan], [1.0, 1.0]])  # type: ignore[operator]


def test_nan_is_refused_in_dominance_and_hypervolume() -> None:
    with pytest.raises(ValueError, match="NaN"):
        pareto.dominates([np.nan, 0], [0, 0])
    with pytest.raises(ValueError, match="NaN"):
        pareto.hypervolume([[np.nan, 0]], [1, 1])


@pytest.mark.parametrize("reference", [[1, 1, 1], [1], [], 1.0, [1, np.inf], [1, np.nan], [[1, 1]]])
def test_a_reference_point_that_does_not_fit_is_refused(reference: object) -> None:
    with pytest.raises(ValueError, match=r"reference|columns"):
        pareto.hypervolume([[0, 0], [1, 1]], reference)  # type: ignore[arg-type]


def test_an_infinitely_good_point_has_no_hypervolume_and_no_knee() -> None:
    with pytest.raises(ValueError, match="infinite"):
        pareto.hypervolume([[-np.inf, 0]], [1, 1])
    with pytest.raises(ValueError, match="finite"):
        pareto.knee([[-np.inf, 0]])


@pytest.mark.parametrize("points", [[1.0, 2.0], 3.0, [[[1.0]]], np.empty((2, 0))])
def test_points_that_are_no_table_are_refused(points: object) -> None:
    with pytest.raises(ValueError, match="columns"):
        pareto.non_dominated(points)  # type: ignore[arg-type]


@pytest.mark.parametrize("points", [[], np.empty((0, 3))])
def test_no_points_have_an_empty_front_and_no_knee(points: object) -> None:
    assert pareto.non_dominated(points).shape == (0,)  # type: ignore[arg-type]
    assert pareto.ranks(points).shape == (0,)  # type: ignore[arg-type]
    assert pareto.hypervolume(points, [1, 1, 1]) == 0.0  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no knee"):
        pareto.knee(points)  # type: ignore[arg-type]


@given(point_sets(min_columns=2, max_columns=2, max_rows=6))
def test_points_are_left_as_they_were(points: Array) -> None:
    before = points.copy()
    assume(len(points) > 1)
    pareto.ranks(points)
    pareto.hypervolume(points, [1e7, 1e7])
    assert (points == before).all()
