"""What is measured at the end of a search: finalists that have no latency under today's conditions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.confirm import confirm
from orchestrator.measure.conditions import Setup, conditions_of
from orchestrator.measure.forecast import Forecast, Timings
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import LatencyConditions
from search_spaces.architecture import Architecture
from tests.measure.figures import latency
from tests.study.conftest import Trials
from tests.study.test_elsewhere import FORECAST, network, study  # noqa: F401 - a fixture
from tests.synthetic import scored

if TYPE_CHECKING:
    from orchestrator.confirm import Session
    from orchestrator.measure.slot import Slot

SETUP = Setup(input_shape=(1, 8, 8))


class Stopwatch:
    """A slot that times networks whose latency is 1 ms."""

    def __init__(self) -> None:
        self.conditions: tuple[LatencyConditions, ...] = (conditions_of(SETUP),)
        self.asked: list[Sequence[Architecture]] = []

    def prepare(self, networks: Sequence[Architecture]) -> None:
        assert networks

    def measure(self, networks: Sequence[Architecture]) -> tuple[Timings, ...]:
        self.asked.append(tuple(networks))
        return tuple({LATENCY_MS: latency(1.0, conditions_of(SETUP))} for _ in networks)


def confirmed(trials: Trials, forecast: Forecast = FORECAST) -> list[Sequence[Architecture]]:
    """Which networks were measured, in each round."""
    stopwatch = Stopwatch()
    for number, record in trials.store.records.items():
        if record.accuracy is not None and record.test_score is None:
            trials.store.score(number, test_score=scored(0.9)["test_score"])
    _confirm(trials, forecast, cast("Slot", stopwatch))
    return [networks for networks in stopwatch.asked if networks]


def test_finalists_are_measured_once(study: Trials) -> None:  # noqa: F811
    assert confirmed(study) == [(network(0), network(2))]
    assert confirmed(study) == []


def test_a_latency_under_other_conditions_than_todays_is_measured_again(study: Trials) -> None:  # noqa: F811
    """A front of two kinds of figures would stay provisional for ever."""
    old = dataclasses.replace(conditions_of(SETUP), torch_version="2.11.0")
    study.store.score(0, latency=latency(1.0, old))
    assert confirmed(study) == [(network(0), network(2))]
    assert {record.latency.conditions for record in study.store.records.values() if record.latency} == {
        conditions_of(SETUP)
    }


def test_where_latency_is_taken_elsewhere_nothing_is_measured(study: Trials) -> None:  # noqa: F811
    for number in range(3):
        study.store.score(number, test_score=scored(0.9)["test_score"])
    _confirm(study, FORECAST, None)
    assert all(record.latency is None for record in study.store.records.values())


def test_a_finalist_whose_network_was_removed_is_measured_and_not_tested(study: Trials) -> None:  # noqa: F811
    stopwatch = Stopwatch()
    _confirm(study, FORECAST, cast("Slot", stopwatch))
    assert stopwatch.asked[0] == (network(0), network(2))
    assert all(record.latency and not record.test_accuracy for record in map(study.store.records.get, (0, 2)) if record)


def _confirm(trials: Trials, forecast: Forecast, slot: Slot | None) -> None:
    confirm(
        trials.store,
        trials.config,
        forecast,
        slot,
        session=cast("Session", SimpleNamespace(work=SimpleNamespace(url=""))),
        before_measuring=(lambda: None) if slot else pytest.fail,
    )
