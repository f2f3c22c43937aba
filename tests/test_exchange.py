"""What taking one trial in place of another changes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.objectives import DIRECTIONS, Objective
from orchestrator.records import SeedResult, TrialRecord
from orchestrator.selector import LatencyBasis, dominated, dominators, exchanges, front
from orchestrator.selector.exchange import Exchange, exchange
from tests.synthetic import OBJECTIVES, completed, measured

MEASURED = LatencyBasis.MEASURED


def compared(record: TrialRecord, other: TrialRecord, *, num_validation: int | None = 10_000) -> Exchange:
    return exchange(record, other, objectives=OBJECTIVES, basis=MEASURED, num_validation=num_validation)


def timed(number: int, accuracy: float, num_parameters: int, median_ms: float, *, margin: float = 0.01) -> TrialRecord:
    latency = measured(median_ms, low_ms=median_ms - margin, high_ms=median_ms + margin)
    return completed(number, accuracy, num_parameters, median_ms, latency=latency)


def test_gains_stand_before_what_they_cost() -> None:
    small, large = timed(0, 0.970, 20_000, 1.0), timed(1, 0.990, 200_000, 1.7)
    assert str(compared(large, small)) == "+2.00 points for 180k parameters and 0.7 ms"
    assert str(compared(small, large)) == "180k parameters less and 0.7 ms less for 2.00 points"


def test_a_count_is_whole_as_long_as_a_person_can_take_it_in() -> None:
    base = timed(0, 0.9, 1_000, 1.0)
    counts = {99_999: "99,999", 100_000: "100k", 999_499: "999k", 999_999: "1M", 1_310_000: "1.31M", 2_500_000: "2.5M"}
    texts = [str(compared(timed(1, 0.9, 1_000 + more, 1.0), base)) for more in counts]
    assert texts == [f"nothing gained for {text} parameters" for text in counts.values()]


def test_what_chance_may_have_made_is_too_close_to_call() -> None:
    first, second = timed(0, 0.9944, 20_000, 1.000), timed(1, 0.9916, 10_000, 1.015)
    assert str(compared(second, first, num_validation=359)) == (
        "10,000 parameters less for 0.28 points (too close to call) and 0.015 ms (too close to call)"
    )
    assert "0.28 points and" in str(compared(second, first, num_validation=100_000))


def test_without_a_count_of_images_accuracies_count_as_exact() -> None:
    assert compared(timed(0, 0.9944, 10, 1.0), timed(1, 0.9916, 10, 1.0), num_validation=None).is_clear


def test_a_gain_that_further_seeds_turn_round_is_not_clear() -> None:
    def trained(record: TrialRecord, *accuracies: float) -> TrialRecord:
        seeds = tuple(SeedResult(seed=seed, accuracy=value) for seed, value in enumerate(accuracies, start=1))
        return dataclasses.replace(record, seeds=seeds)

    lucky = trained(timed(0, 0.99, 10, 1.0), 0.950, 0.951, 0.952)
    steady = trained(timed(1, 0.97, 10, 1.0), 0.970, 0.971, 0.972)
    (gain, *_) = compared(lucky, steady).changes
    assert gain.is_gain
    assert not gain.is_clear
    (gain, *_) = compared(trained(lucky, 0.990, 0.991, 0.992), steady).changes
    assert gain.is_clear


def test_equal_trials_exchange_nothing() -> None:
    found = compared(timed(0, 0.9, 10, 1.0), timed(1, 0.9, 10, 1.0))
    assert str(found) == "equal in every objective"
    assert not found.is_clear


def test_every_objective_has_a_unit() -> None:
    objectives = [Objective(name=name, direction=direction) for name, direction in DIRECTIONS.items()]
    further = {"peak_memory_bytes": 2_500_000, "predicted_throughput_per_s": 700.0}
    first = dataclasses.replace(timed(0, 0.9, 1_000, 1.0), file_bytes=4_000, **further)
    further = {"peak_memory_bytes": 1_300_000, "predicted_throughput_per_s": 1_000.0}
    second = dataclasses.replace(timed(1, 0.9, 3_000, 1.0), file_bytes=12_000, **further)
    found = exchange(second, first, objectives=objectives, basis=MEASURED, num_validation=None)
    assert str(found) == (
        "1.2 MB of memory less and 300 /s of throughput more for 2,000 parameters and 100k MACs and 8 kB of file"
    )


@st.composite
def fields(draw: st.DrawFn) -> list[TrialRecord]:
    return [
        timed(
            number,
            draw(st.sampled_from([0.9, 0.95, 0.97])),
            draw(st.sampled_from([10_000, 50_000, 200_000])),
            draw(st.sampled_from([0.5, 0.505, 1.0])),
            margin=draw(st.sampled_from([0.0, 0.01])),
        )
        for number in range(draw(st.integers(1, 8)))
    ]


@given(fields())
def test_an_exchange_back_is_the_opposite(records: list[TrialRecord]) -> None:
    there, back = compared(records[0], records[-1]), compared(records[-1], records[0])
    assert [change.amount for change in there.changes] == pytest.approx([-change.amount for change in back.changes])
    assert [change.is_clear for change in there.changes] == [change.is_clear for change in back.changes]


@given(fields())
def test_no_member_of_the_front_clearly_gives_something_for_nothing(records: list[TrialRecord]) -> None:
    members = front(records, OBJECTIVES)
    for chosen in members:
        for one in exchanges(chosen, members, objectives=OBJECTIVES, basis=MEASURED, num_validation=None):
            gains = [change for change in one.changes if change.is_gain and change.is_clear]
            prices = [change for change in one.changes if change.amount and not change.is_gain]
            unsure = [change for change in one.changes if not change.is_clear]
            assert prices or unsure or not gains


@given(fields())
def test_all_losers_at_once_are_those_that_are_asked_for_one_by_one(records: list[TrialRecord]) -> None:
    records = [
        dataclasses.replace(record, latency=None) if record.number == 3 and len(records) > 4 else record
        for record in records
    ]
    found = {one.record.number: one for one in dominated(records, OBJECTIVES)}
    members = {record.number for record in front(records, OBJECTIVES)}
    for record in records:
        expected = dominators(record, records, OBJECTIVES)
        if not expected:
            assert record.number not in found
            continue
        one = found[record.number]
        assert (one.by, one.num_more) == (expected[0], len(expected) - 1)
        assert record.number not in members
