"""Blocks become a median at full speed, with an interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.measure.estimate import MIN_BLOCKS, Block, estimate, full_speed_ms

durations_ms = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=40)


def block(median_ms: float, *, reference_ms: tuple[float, float] = (1.0, 1.0), num_repetitions: int = 5) -> Block:
    return Block(median_ms=median_ms, num_repetitions=num_repetitions, reference_ms=reference_ms)


@given(durations_ms=st.lists(st.floats(0.1, 100.0), min_size=MIN_BLOCKS, max_size=40))
def test_the_median_lies_in_its_interval_and_the_interval_in_the_blocks(durations_ms: list[float]) -> None:
    found = estimate([block(duration_ms) for duration_ms in durations_ms], baseline_ms=1.0, seed=0)
    assert min(durations_ms) <= found.low_ms <= found.median_ms <= found.high_ms <= max(durations_ms)


@given(durations_ms=durations_ms)
def test_an_interval_of_slow_phases_is_wider_than_its_blocks_say(durations_ms: list[float]) -> None:
    """Equal blocks would make an interval without width, and a front that trusts it."""
    slow = [block(duration_ms, reference_ms=(1.8, 1.8)) for duration_ms in durations_ms]
    found = estimate(slow, baseline_ms=1.0, seed=0)
    assert found.low_ms < 0.95 * found.median_ms
    assert found.high_ms > 1.05 * found.median_ms


@given(durations_ms=durations_ms, factor=st.floats(0.01, 100.0))
def test_a_faster_clock_scales_every_figure_and_no_verdict(durations_ms: list[float], factor: float) -> None:
    here = estimate([block(duration_ms) for duration_ms in durations_ms], baseline_ms=1.0, seed=0)
    reference_ms = (factor, factor)
    blocks = [block(duration_ms * factor, reference_ms=reference_ms) for duration_ms in durations_ms]
    there = estimate(blocks, baseline_ms=factor, seed=0)
    assert there.median_ms == pytest.approx(here.median_ms * factor)
    assert there.half_width == pytest.approx(here.half_width)
    assert there.is_contended == here.is_contended


def test_full_speed_is_that_of_the_fast_phases() -> None:
    assert full_speed_ms([1.0, 1.02, 1.01] * 10 + [1.8] * 60) == pytest.approx(1.01)


def test_a_small_slowdown_beside_a_block_is_corrected() -> None:
    blocks = [block(2.2, reference_ms=(1.1, 1.1)) for _ in range(MIN_BLOCKS)]
    assert estimate(blocks, baseline_ms=1.0, seed=0).median_ms == pytest.approx(2.0)


def test_blocks_of_slow_phases_are_rejected() -> None:
    fast = [block(2.0) for _ in range(MIN_BLOCKS)]
    slow = [block(5.0, reference_ms=(1.8, 1.8)) for _ in range(20)]
    changing = [block(3.0, reference_ms=(1.0, 1.8)) for _ in range(20)]
    found = estimate([*slow, *fast, *changing], baseline_ms=1.0, seed=0)
    assert found.median_ms == 2.0
    assert found.num_repetitions == 5 * MIN_BLOCKS
    assert not found.is_contended


def test_with_slow_phases_alone_all_blocks_count_and_the_figure_says_contended() -> None:
    found = estimate([block(3.6, reference_ms=(1.8, 1.8)) for _ in range(20)], baseline_ms=1.0, seed=0)
    assert found.median_ms == pytest.approx(2.0)
    assert found.is_contended


def test_a_wide_interval_is_contended() -> None:
    assert estimate([block(float(duration_ms)) for duration_ms in range(1, 9)], baseline_ms=1.0, seed=0).is_contended
