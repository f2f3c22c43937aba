"""What a study predicts of the time that networks take: latency, and throughput from a batch of its own."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from orchestrator.measure.conditions import Setup, conditions_of
from orchestrator.measure.forecast import Forecast, setups_of
from orchestrator.measure.predictor import fit_predictor
from orchestrator.measure.references import reference_architectures
from orchestrator.measure.slot import is_measured, local_slot
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S
from search_spaces import registry
from tests.measure.figures import CONDITIONS, latencies
from tests.measure.spaces import DIGITS, default_space
from tests.simulation import STUDY, config_of
from tests.synthetic import completed

NETWORKS = reference_architectures(default_space(), DIGITS, seed=0)
BATCH = dataclasses.replace(CONDITIONS, batch_size=64)


def forecast() -> Forecast:
    one, many = (latencies(NETWORKS, conditions=conditions) for conditions in (CONDITIONS, BATCH))
    return Forecast(
        latency=fit_predictor(NETWORKS, one, image_size=8), throughput=fit_predictor(NETWORKS, many, image_size=8)
    )


def test_throughput_is_the_batch_over_the_time_that_it_is_predicted_to_take() -> None:
    found = forecast()
    assert found.throughput is not None
    for network in NETWORKS:
        batch_s = found.throughput.predict_ms(network, 8) / 1e3
        assert found.predict(THROUGHPUT_PER_S, network, 8) == pytest.approx(64 / batch_s)


@pytest.mark.parametrize("name", [LATENCY_MS, THROUGHPUT_PER_S])
def test_predictions_of_many_networks_are_those_of_each(name: str) -> None:
    found, space, rng = forecast(), default_space(), random.Random(0)
    points = [space.sample(rng) for _ in range(40)]
    columns = registry.costs(points, DIGITS)
    predicted_N = found.predict_columns(name, columns)
    assert (np.isfinite(predicted_N) == columns.is_possible_N).all()
    for row in np.flatnonzero(columns.is_possible_N).tolist():
        network = registry.architecture(points[row], DIGITS)
        assert predicted_N[row] == pytest.approx(found.predict(name, network, 8))


def test_a_forecast_survives_being_frozen_and_read() -> None:
    assert Forecast.from_dict(forecast().to_dict()) == forecast()
    alone = dataclasses.replace(forecast(), throughput=None)
    assert Forecast.from_dict(alone.to_dict()) == alone
    assert Forecast.from_dict({"provenance": {}}) is None


@pytest.mark.parametrize(
    "goal", ['[objectives]\nmaximize = ["accuracy", "throughput_per_s"]', '[constraints]\nthroughput_per_s = "100 /s"']
)
def test_throughput_is_timed_where_a_study_asks_for_it(tmp_path: Path, goal: str) -> None:
    assert list(setups_of(config_of(tmp_path))) == [LATENCY_MS]
    setups = setups_of(config_of(tmp_path, f"{STUDY}{goal}", "latency.throughput_batch_size=16"))
    assert {name: setup.batch_size for name, setup in setups.items()} == {LATENCY_MS: 1, THROUGHPUT_PER_S: 16}


def test_a_slot_times_each_figure_under_its_own_conditions() -> None:
    one = Setup(input_shape=(1, 8, 8))
    setups = {LATENCY_MS: one, THROUGHPUT_PER_S: dataclasses.replace(one, batch_size=16)}
    with local_slot(setups) as slot:
        (timings,) = slot.measure(NETWORKS[:1])
        record = dataclasses.replace(
            completed(0, 0.9, 1000, 1.0),
            latency=timings[LATENCY_MS],
            throughput=timings[THROUGHPUT_PER_S],
            predicted_throughput_per_s=1.0,
        )
        assert is_measured(record, slot)
        assert not is_measured(dataclasses.replace(record, throughput=None), slot)
    assert {name: one.conditions for name, one in timings.items()} == {
        name: conditions_of(setup) for name, setup in setups.items()
    }
    assert timings[THROUGHPUT_PER_S].median_ms > timings[LATENCY_MS].median_ms
