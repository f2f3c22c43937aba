"""The measuring loop on a simulated machine, whose true latencies are known."""

from __future__ import annotations

import statistics

import pytest

from orchestrator.measure.estimate import MIN_BLOCKS, Estimate
from orchestrator.measure.protocol import TIGHT_HALF_WIDTH, Schedule, Session
from tests.measure.machines import SimulatedMachine

TRUE_MS = (0.3, 0.9, 2.5)


def session(machine: SimulatedMachine, *, time_limit_s: float, min_rounds: int, **options: float) -> Session:
    runs = [machine.network(duration_ms, name=str(index)) for index, duration_ms in enumerate(TRUE_MS)]
    schedule = Schedule(time_limit_s=time_limit_s, min_rounds=min_rounds, seed=0)
    reference = machine.network(0.3, name="reference")
    return Session(runs, reference, timer=machine.timer, schedule=schedule, **options)


def measured(machine: SimulatedMachine, *, time_limit_s: float = 8.0, min_rounds: int = 1) -> tuple[Estimate, ...]:
    return session(machine, time_limit_s=time_limit_s, min_rounds=min_rounds).estimates()


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


@pytest.mark.parametrize("knows_lost_time", [True, False])
def test_a_repetition_that_lost_the_core_is_made_again(knows_lost_time: bool) -> None:
    machine = SimulatedMachine(interruption=(0.4, 3.0), knows_lost_time=knows_lost_time)
    assert [one.median_ms for one in measured(machine)] == pytest.approx(TRUE_MS)


def test_an_interruption_of_microseconds_costs_no_repetition() -> None:
    """A network of 20 ms never runs without one; were they all made again, nothing would be measured."""
    estimates = measured(SimulatedMachine(interruption=(1.0, 0.001)))
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS, rel=0.01)
    assert not any(estimate.is_contended for estimate in estimates)


def test_where_the_core_is_always_taken_away_the_time_that_it_was_there_counts_and_is_contended() -> None:
    estimates = measured(SimulatedMachine(interruption=(1.0, 4.0)), time_limit_s=2.0)
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS)
    assert all(estimate.is_contended for estimate in estimates)


def test_repetitions_that_waited_for_memory_do_not_count() -> None:
    estimates = measured(SimulatedMachine(page_fault=(0.3, 5.0)))
    assert [estimate.median_ms for estimate in estimates] == pytest.approx(TRUE_MS)


def test_page_faults_that_a_network_always_has_belong_to_it() -> None:
    estimates = measured(SimulatedMachine(page_fault=(1.0, 0.1)))
    # The reference network has them too, so that they cancel out of nothing but its own time.
    assert [estimate.median_ms for estimate in estimates] == pytest.approx([one + 0.1 for one in TRUE_MS])
    assert not any(estimate.is_contended for estimate in estimates)


def test_networks_wait_while_the_machine_is_slow() -> None:
    """Half of the time it is."""
    machine = SimulatedMachine(slowdown=lambda now_s: 1.8 if now_s % 0.2 < 0.1 else 1.0)
    is_slow: list[bool] = []
    plain = machine.slowdown

    def watched(now_s: float) -> float:
        if machine.calls[-1] != "reference":
            is_slow.append(plain(now_s) > 1.0)
        return plain(now_s)

    machine.slowdown = watched
    measured(machine, time_limit_s=4.0)
    assert statistics.mean(is_slow) < 0.25


def test_warming_up_lasts_until_repetitions_are_alike() -> None:
    machine = SimulatedMachine()
    machine.slowdown = lambda _now_s: 5.0 if machine.calls.count("0") <= 4 and machine.calls[-1] == "0" else 1.0
    assert measured(machine, time_limit_s=0.5)[0].median_ms == pytest.approx(TRUE_MS[0])


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


def test_a_later_session_stands_at_the_level_of_a_faster_one_before_it() -> None:
    """A neighbour that never pauses makes everything 10 % slower, and no network beside others."""
    fast = session(SimulatedMachine(), time_limit_s=2.0, min_rounds=1)
    fast.estimates()
    slow_machine = SimulatedMachine(slowdown=lambda _now_s: 1.1)
    slow = session(slow_machine, time_limit_s=2.0, min_rounds=1, baseline_ms=fast.baseline_ms)
    assert [estimate.median_ms for estimate in slow.estimates()] == pytest.approx(TRUE_MS)


def test_a_session_that_is_far_slower_than_one_before_it_is_contended() -> None:
    slow = session(SimulatedMachine(slowdown=lambda _now_s: 1.5), time_limit_s=1.0, min_rounds=1, baseline_ms=0.3)
    assert all(estimate.is_contended for estimate in slow.estimates())


def test_equal_seeds_give_equal_estimates() -> None:
    assert measured(SimulatedMachine(noise=0.1)) == measured(SimulatedMachine(noise=0.1))
