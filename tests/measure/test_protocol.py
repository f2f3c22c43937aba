"""The measuring loop on a simulated machine, whose true latencies are known."""

from __future__ import annotations

import pytest

from orchestrator.measure.estimate import MIN_BLOCKS, Estimate
from orchestrator.measure.protocol import TIGHT_HALF_WIDTH, Schedule, measure
from tests.measure.machines import SimulatedMachine

TRUE_MS = (0.3, 0.9, 2.5)


def measured(machine: SimulatedMachine, *, time_limit_s: float = 8.0, min_rounds: int = 1) -> tuple[Estimate, ...]:
    runs = [machine.network(duration_ms, name=str(index)) for index, duration_ms in enumerate(TRUE_MS)]
    schedule = Schedule(time_limit_s=time_limit_s, min_rounds=min_rounds, seed=0)
    return measure(runs, machine.network(0.3, name="reference"), timer=machine.timer, schedule=schedule)


def test_a_quiet_machine_gives_the_true_latencies_in_the_order_given() -> None:
    estimates = measured(SimulatedMachine())
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS)
    assert not any(estimate.is_contended for estimate in estimates)


def test_the_interval_holds_the_true_median_of_a_noisy_machine() -> None:
    for estimate, true_ms in zip(measured(SimulatedMachine(noise=0.05)), TRUE_MS, strict=True):
        # The median of 1 + 0.05 |N(0, 1)| lies at 0.6745 standard deviations.
        assert estimate.low_ms <= true_ms * (1 + 0.05 * 0.6745) <= estimate.high_ms
        assert estimate.low_ms <= estimate.median_ms <= estimate.high_ms


def test_measuring_ends_at_half_time_if_every_interval_is_tight() -> None:
    machine = SimulatedMachine(noise=0.02)
    estimates = measured(machine, time_limit_s=60.0)
    assert machine.now_s < 31.0
    assert all(estimate.half_width <= TIGHT_HALF_WIDTH for estimate in estimates)


def test_interrupted_repetitions_do_not_count() -> None:
    estimates = measured(SimulatedMachine(interruption=(0.3, 5.0)))
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS)


def test_a_machine_that_is_slow_for_seconds_gives_the_latencies_of_its_full_speed() -> None:
    machine = SimulatedMachine(slowdown=lambda now_s: 1.8 if now_s % 2.0 < 1.2 else 1.0, noise=0.01)
    estimates = measured(machine)
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS, rel=0.02)
    assert not any(estimate.is_contended for estimate in estimates)


def test_a_machine_on_which_every_repetition_is_interrupted_is_contended() -> None:
    estimates = measured(SimulatedMachine(interruption=(1.0, 1.0)), time_limit_s=0.5)
    assert all(estimate.is_contended for estimate in estimates)


def test_a_machine_whose_speed_never_settles_is_contended() -> None:
    machine = SimulatedMachine()
    machine.slowdown = lambda _now_s: machine.rng.uniform(1.0, 4.0)
    assert all(estimate.is_contended for estimate in measured(machine, time_limit_s=0.5))


def test_too_few_blocks_are_contended() -> None:
    assert all(estimate.is_contended for estimate in measured(SimulatedMachine(), time_limit_s=0.0))


def test_the_limit_ends_a_measurement_and_every_network_has_been_timed() -> None:
    machine = SimulatedMachine(noise=0.5)
    estimates = measured(machine, time_limit_s=0.3)
    assert machine.now_s < 0.4
    assert all(estimate.num_repetitions > 0 for estimate in estimates)


def test_the_least_number_of_rounds_is_kept_beyond_the_limit() -> None:
    estimates = measured(SimulatedMachine(), time_limit_s=0.0, min_rounds=MIN_BLOCKS)
    assert not any(estimate.is_contended for estimate in estimates)


def test_the_reference_network_stands_on_both_sides_of_every_block() -> None:
    machine = SimulatedMachine(noise=0.02)
    measured(machine)
    blocks = [name for name, before in zip(machine.calls, ["", *machine.calls], strict=False) if name != before]
    interleaved = blocks[len(TRUE_MS) + 1 :]  # after the warm-up
    assert set(interleaved[0::2]) == {"reference"}
    assert "reference" not in interleaved[1::2]


def test_equal_seeds_give_equal_estimates() -> None:
    assert measured(SimulatedMachine(noise=0.1)) == measured(SimulatedMachine(noise=0.1))
