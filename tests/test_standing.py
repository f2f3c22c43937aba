"""Where a trial stands when latencies are intervals."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestrator.explain.standing import standing, strength
from orchestrator.records import TrialRecord
from orchestrator.selector import LatencyBasis, front
from tests.simulation import config_of
from tests.synthetic import OBJECTIVES, completed, measured


def timed(record: TrialRecord, low_ms: float, median_ms: float, high_ms: float) -> TrialRecord:
    return dataclasses.replace(record, latency=measured(median_ms, low_ms=low_ms, high_ms=high_ms))


def said_of(record: TrialRecord, members: list[TrialRecord]) -> str:
    return strength(record, members, OBJECTIVES, basis=LatencyBasis.MEASURED)


def test_a_member_that_medians_would_dominate_is_there_for_the_noise_of_latency() -> None:
    better = timed(completed(0, 0.99, 10_000, 1.0), 0.98, 1.00, 1.04)
    noisy = timed(completed(1, 0.98, 20_000, 1.0), 1.02, 1.05, 1.08)
    assert front([better, noisy], OBJECTIVES) == (better, noisy)
    assert said_of(noisy, [better, noisy]).endswith("is more accurate beyond the noise of latency")


def test_equal_members_are_not_there_for_any_noise() -> None:
    twins = [timed(completed(number, 0.99, 10_000, 1.0), 0.98, 1.0, 1.02) for number in range(2)]
    assert "noise" not in said_of(twins[0], twins)


def test_no_other_is_as_fast_only_where_no_interval_says_that_it_may_be() -> None:
    accurate = timed(completed(0, 0.99, 50_000, 1.0), 1.01, 1.04, 1.07)
    fast = timed(completed(1, 0.98, 40_000, 1.0), 0.99, 1.03, 1.06)
    small = timed(completed(2, 0.90, 1_000, 1.0), 0.10, 0.11, 0.12)
    members = [accurate, fast, small]
    assert said_of(fast, members) == "no trial with as few parameters is more accurate"


@pytest.mark.parametrize(("num_objectives", "is_said"), [(3, True), (2, False)])
def test_that_latency_was_predicted_is_said_where_latency_was_compared(
    tmp_path: Path, num_objectives: int, is_said: bool
) -> None:
    better, worse = completed(0, 0.99, 10_000, 1.0), completed(1, 0.98, 20_000, 2.0)
    config = dataclasses.replace(config_of(tmp_path), objectives=OBJECTIVES[:num_objectives])
    text = standing(worse, [better, worse], config).text
    assert text.startswith("It is not on the front: trial 0 dominates it")
    assert ("(latency as predicted)" in text) == is_said
