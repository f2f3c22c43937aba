"""Memory, file size and throughput as objectives and limits, from the study file to the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from orchestrator import results
from orchestrator.explain.standing import confirmation, standing
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S, format_quantity
from orchestrator.records import TrialRecord
from orchestrator.report import render, to_markdown
from orchestrator.selector import LatencyBasis, best, dominators, front, latency_basis
from orchestrator.store.reading import read_snapshot
from orchestrator.suggest.costing import Costing, Prediction
from search_spaces import registry
from search_spaces.architecture import Architecture
from search_spaces.cost_columns import CostColumns
from search_spaces.space import Point
from tests.measure.figures import CONDITIONS, latency
from tests.simulation import PREDICTIONS, STUDY, Simulation, config_of, predict_latencies, predict_latency_ms

GOALS = """
[objectives]
maximize = ["accuracy", "throughput_per_s"]
minimize = ["num_parameters", "latency_ms", "peak_memory_bytes"]
[constraints]
file_bytes = "<= 150 kB"
throughput_per_s = ">= 900 /s"
"""


def predict_per_s(architecture: Architecture) -> float:
    return 1000.0 / predict_latency_ms(architecture)


def predict_rates(points: Sequence[Point], columns: CostColumns) -> NDArray[np.float64]:
    """The same of many points."""
    return 1000.0 / predict_latencies(points, columns)


ALL = {**PREDICTIONS, THROUGHPUT_PER_S: Prediction(of_one=predict_per_s, of_many=predict_rates)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    tmp_path = tmp_path_factory.mktemp("further")
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY + GOALS), predictions=ALL)
    simulation.run(until=lambda: len(simulation.store.records) >= 20)
    return simulation


def measured(record: TrialRecord) -> TrialRecord:
    batch = dataclasses.replace(CONDITIONS, batch_size=64)
    batch_ms = 64e3 / record.predicted("throughput_per_s")
    return dataclasses.replace(
        record, latency=latency(record.predicted_latency_ms), throughput=latency(batch_ms, batch)
    )


def test_every_trial_is_inside_the_limits_that_are_known_before_it(study: Simulation) -> None:
    records = study.store.records.values()
    assert len(records) >= 20
    assert all(record.value("file_bytes") <= 150e3 for record in records)
    assert all(record.value("throughput_per_s") >= 900 for record in records)


def test_a_study_read_back_has_all_figures(study: Simulation) -> None:
    study.store.score(0, throughput=measured(study.store.records[0]).throughput)
    snapshot = read_snapshot(study.store.paths.root)
    assert snapshot.records == tuple(study.store.records.values())
    row = results.trial_table(snapshot).to_pylist()[0]
    record = study.store.records[0]
    assert record.throughput is not None
    assert row["throughput_per_s"] == record.throughput.images_per_s
    assert (row["file_bytes"], row["peak_memory_bytes"]) == (record.file_bytes, record.peak_memory_bytes)


def test_the_front_knows_that_more_throughput_is_better(study: Simulation) -> None:
    goals = study.config.objectives, study.config.constraints
    records = [record for record in study.store.records.values() if record.accuracy is not None]
    slower = dataclasses.replace(records[0], number=1000, predicted_throughput_per_s=901.0)
    members = front([*records, slower], *goals)
    assert slower not in members
    assert dominators(slower, [*records, slower], goals[0])[-1].record.number in {one.number for one in records}


def test_the_front_is_measured_once_throughput_is_measured_too(study: Simulation) -> None:
    goals = study.config.objectives, study.config.constraints
    records = [record for record in study.store.records.values() if record.accuracy is not None]
    half = [dataclasses.replace(measured(record), throughput=None) for record in records]
    assert latency_basis(half, *goals) is LatencyBasis.PREDICTED
    whole = [measured(record) for record in records]
    assert latency_basis(whole, *goals) is LatencyBasis.MEASURED
    assert {one.number for one in front(whole, *goals)} >= {one.number for one in front(records, *goals)}


def test_reports_and_selections_are_made_of_such_a_study(study: Simulation) -> None:
    snapshot = read_snapshot(study.store.paths.root)
    assert "<html" in render(snapshot)
    assert "throughput per s" in to_markdown(snapshot)
    selection = best(snapshot.records, snapshot.objectives, snapshot.constraints)
    part = standing(selection.record, snapshot.records, study.config)
    assert "on the front" in part.text
    found = measured(selection.record)
    rate = format_quantity(THROUGHPUT_PER_S, found.predicted(THROUGHPUT_PER_S))
    assert confirmation(found).text.endswith(f"its throughput was measured as {rate}.")


def test_what_many_points_cost_is_what_each_costs(tmp_path: Path) -> None:
    config = config_of(tmp_path, STUDY + GOALS)
    costing = Costing(task=config.task, latency=config.latency, predictions=ALL)
    points = list(config.space.points())[::97]
    table = costing.table(points)
    for row, point in enumerate(points):
        expected = costing.of(registry.architecture(point, config.task))
        assert {name: table.costs_N[name][row] for name in expected} == pytest.approx(expected)
    assert np.isfinite(table.costs_N[LATENCY_MS]).all()
