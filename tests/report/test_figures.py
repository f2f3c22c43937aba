"""Axes and budgets of the report."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.axes import Axis, Scale, axis_over, short
from orchestrator.report.contest import budgets
from orchestrator.report.view import thinned

POSITIVE = st.floats(1e-4, 1e10)


@given(st.lists(POSITIVE, min_size=1, max_size=10), st.sampled_from([Scale.LINEAR, Scale.LOG]))
def test_an_axis_holds_its_values_in_their_order(values: list[float], scale: Scale) -> None:
    axis = axis_over(values, start=50, end=550, scale=scale)
    pixels = [axis.at(value) for value in sorted(values)]
    assert pixels == sorted(pixels)
    assert all(50 <= pixel <= 550 for pixel in pixels)


@given(st.lists(POSITIVE, min_size=1, max_size=10), st.sampled_from([Scale.LINEAR, Scale.LOG]))
def test_an_axis_has_a_few_ticks_within_its_range(values: list[float], scale: Scale) -> None:
    axis = axis_over(values, start=50, end=550, scale=scale)
    ticks = axis.ticks()
    assert ticks == sorted(set(ticks))
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)
    assert 2 <= len(ticks) <= 13


@given(st.floats(0.0, 0.99), st.floats(0.001, 0.009))
def test_an_error_axis_spreads_what_is_near_one(low: float, reach: float) -> None:
    axis = Axis(low=low, high=1 - reach / 100, start=338, end=34, scale=Scale.LOG_ERROR)
    assert axis.at(low) == pytest.approx(338)
    assert axis.at(1.0) == pytest.approx(34)
    assert axis.ticks()


def test_ticks_of_counted_things_are_whole() -> None:
    axis = dataclasses.replace(axis_over([1.0, 3.0], start=0, end=100), is_whole=True)
    assert axis.ticks() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("value", "text"), [(20_000, "20k"), (1_500_000, "1.5M"), (0.98, "0.98"), (0, "0"), (2e9, "2G"), (0.5, "0.5")]
)
def test_tick_labels_are_short(value: float, text: str) -> None:
    assert short(value) == text


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=10))
def test_budgets_are_round_increasing_and_reach_the_dearest(values: list[float]) -> None:
    steps = budgets(values)
    assert 1 <= len(steps) <= 8
    assert steps == sorted(set(steps))
    assert steps[-1] >= max(values) * (1 - 1e-6)
    digits = {round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) for step in steps}
    assert digits <= {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8}


def test_a_narrow_range_has_finer_budgets() -> None:
    assert budgets([0.15, 0.33]) == [0.15, 0.2, 0.25, 0.3, 0.4]
    assert budgets([830, 94_002]) == [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]


@given(st.integers(0, 200), st.integers(0, 50))
def test_thinning_keeps_the_order_and_the_limit(num_items: int, limit: int) -> None:
    kept = thinned(range(num_items), limit)
    assert len(kept) == min(num_items, limit)
    assert kept == sorted(set(kept))
