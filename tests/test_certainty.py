"""How well an accuracy is known."""

from __future__ import annotations

import dataclasses
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestrator.records import Cause, SeedResult, TrialRecord
from orchestrator.selector.certainty import (
    Basis,
    accuracy_interval,
    images_interval,
    is_too_close,
    seeds_interval,
)
from tests.synthetic import completed

ACCURACIES = st.floats(0.0, 1.0)


def trained(accuracy: float, *further: float) -> TrialRecord:
    seeds = tuple(SeedResult(seed=seed, accuracy=value, loss=0.1) for seed, value in enumerate(further, start=1))
    return dataclasses.replace(completed(0, accuracy, 1_000, 1.0), seeds=seeds)


@given(num_right=st.integers(0, 1000), num_wrong=st.integers(0, 1000))
def test_an_interval_over_images_holds_the_share_and_stays_between_0_and_1(num_right: int, num_wrong: int) -> None:
    if num_images := num_right + num_wrong:
        found = images_interval(num_right / num_images, num_images)
        assert 0.0 <= found.low <= found.mean == num_right / num_images <= found.high <= 1.0


def test_an_interval_over_images_is_that_of_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263.
    found = images_interval(81 / 263, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(values=st.lists(ACCURACIES, min_size=2, max_size=40))
def test_an_interval_over_seeds_is_students(values: list[float]) -> None:
    found = seeds_interval(values)
    half_width = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.low == pytest.approx(max(0.0, found.mean - half_width), abs=2e-4)
    assert found.high == pytest.approx(min(1.0, found.mean + half_width), abs=2e-4)


def test_further_seeds_count_and_the_one_that_was_chosen_does_not() -> None:
    found = accuracy_interval(trained(1.0, 0.90, 0.92), 100)
    assert found is not None
    assert (found.basis, found.count, found.mean) == (Basis.SEEDS, 2, pytest.approx(0.91))


def test_one_further_seed_has_the_interval_of_its_images() -> None:
    assert accuracy_interval(trained(1.0, 0.9), 100) == images_interval(0.9, 100)
    assert accuracy_interval(trained(0.8), 100) == images_interval(0.8, 100)
    assert accuracy_interval(trained(0.8), None) is None


def test_seeds_that_failed_say_nothing_of_the_accuracy() -> None:
    failed = SeedResult(seed=3, cause=Cause.DIVERGED, message="loss nan at step 3")
    record = trained(1.0, 0.90, 0.92)
    assert accuracy_interval(dataclasses.replace(record, seeds=(*record.seeds, failed)), 100) == accuracy_interval(
        record, 100
    )


@given(first=ACCURACIES, second=ACCURACIES, num_images=st.integers(1, 10_000))
def test_too_close_is_mutual_and_nobody_is_far_from_itself(first: float, second: float, num_images: int) -> None:
    one, other = trained(first), trained(second)
    assert is_too_close(one, other, num_images) == is_too_close(other, one, num_images)
    assert is_too_close(one, one, num_images)


def test_more_images_tell_apart_what_few_can_not() -> None:
    one, other = trained(0.97), trained(0.95)
    assert is_too_close(one, other, 300)
    assert not is_too_close(one, other, 10_000)
    assert not is_too_close(one, other, None)  # nobody knows
