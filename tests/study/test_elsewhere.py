"""A study whose latency is taken on a device of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestrator.errors import BadInputError
from orchestrator.measure.exchange import REQUEST_FILE, Figures, Request
from orchestrator.measure.forecast import Forecast
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S, Direction, Objective
from orchestrator.records import LatencyConditions, TrialState
from orchestrator.selector import LatencyBasis, latency_basis
from orchestrator.store.rows import Ask
from orchestrator.study.elsewhere import take_in, unmeasured, write_requests
from search_spaces.architecture import Architecture
from search_spaces.registry import get_architecture
from search_spaces.space import Point
from tests.measure.figures import CONDITIONS, latency
from tests.study.conftest import Trials
from tests.synthetic import completed

PREDICTOR = LatencyPredictor(
    constants={"calls_conv": 0.1},
    conditions=CONDITIONS,
    num_references=60,
    error_95=0.1,
    mean_error=0.04,
    rank_correlation=0.99,
)
FORECAST = Forecast(latency=PREDICTOR)
SOURCE = Path("figures.json")


def network(number: int) -> Architecture:
    return get_architecture("resnet18", depths=[1, number + 1], widths=[8, 16], in_channels=1, num_classes=10)


@pytest.fixture
def study(tmp_path: Path) -> Trials:
    """Three networks: the second is dominated by far, the others make the front."""
    trials = Trials(tmp_path)
    figures = [(0.99, 5000, 1.0), (0.90, 9000, 9.0), (0.95, 1000, 0.5)]
    for number, (accuracy, num_parameters, latency_ms) in enumerate(figures):
        architecture = network(number)
        record = completed(
            number,
            accuracy,
            num_parameters,
            latency_ms,
            family="resnet",
            architecture=architecture.to_dict(),
            architecture_id=architecture.architecture_id,
        )
        running = dataclasses.replace(record, state=TrialState.RUNNING, accuracy=None)
        trials.store.start(Ask(number=number, point=Point(family="resnet", values={}), violations={}), running)
        trials.store.end(record)
    return trials


def figures_of(numbers: list[int], conditions: LatencyConditions = CONDITIONS) -> Figures:
    return Figures(
        networks=tuple((network(number), latency(1.0 + number, conditions)) for number in numbers), reference_ms=0.4
    )


def test_the_finalists_are_what_a_device_is_asked_to_measure(study: Trials) -> None:
    (path,) = write_requests(study.store, study.config, FORECAST)
    assert path == study.store.paths.root / REQUEST_FILE
    assert list(Request.read(path).architectures) == [network(0), network(2)]


def test_figures_of_all_finalists_make_the_front_a_measured_one(study: Trials) -> None:
    write_requests(study.store, study.config, FORECAST)
    imported = take_in(study.store, FORECAST, figures_of([0, 2, 7]), source=SOURCE)
    assert (imported.trials, imported.num_unknown) == ((0, 2), 1)
    assert study.store.records[2].latency == latency(3.0)
    assert latency_basis(study.store.records.values(), study.config.objectives) is LatencyBasis.MEASURED
    assert write_requests(study.store, study.config, FORECAST) == []
    assert not (study.store.paths.root / REQUEST_FILE).exists()


def test_what_is_left_is_asked_for_again(study: Trials) -> None:
    take_in(study.store, FORECAST, figures_of([0]), source=SOURCE)
    assert [record.number for record in unmeasured(study.store, study.config, FORECAST, LATENCY_MS)] == [2]
    assert latency_basis(study.store.records.values(), study.config.objectives) is LatencyBasis.PREDICTED


def test_after_a_renewal_of_the_devices_software_all_are_asked_for_again(study: Trials) -> None:
    take_in(study.store, FORECAST, figures_of([0]), source=SOURCE)
    take_in(
        study.store, FORECAST, figures_of([2], dataclasses.replace(CONDITIONS, torch_version="2.16.0")), source=SOURCE
    )
    assert [record.number for record in unmeasured(study.store, study.config, FORECAST, LATENCY_MS)] == [0, 2]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"device": "phone: Kryo"}, "device phone: Kryo, not board: Cortex-A72"),
        ({"num_threads": 4}, "num_threads 4, not 1"),
        ({"runtime": "eager"}, "runtime eager, not folded"),
    ],
)
def test_figures_under_other_conditions_are_refused_with_the_difference(
    study: Trials, change: dict[str, object], difference: str
) -> None:
    other = dataclasses.replace(CONDITIONS, **change)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match=difference):
        take_in(study.store, FORECAST, figures_of([0, 2], other), source=SOURCE)
    assert all(record.latency is None for record in study.store.records.values())


@pytest.mark.parametrize(("known_ms", "is_refused"), [(0.41, False), (0.31, True), (0.52, True), (None, False)])
def test_figures_of_a_device_that_ran_at_another_speed_are_refused(
    study: Trials, known_ms: float | None, is_refused: bool
) -> None:
    forecast = Forecast(latency=dataclasses.replace(PREDICTOR, reference_ms=known_ms))
    if not is_refused:
        assert take_in(study.store, forecast, figures_of([0, 2]), source=SOURCE).trials == (0, 2)
        return
    before = dict(study.store.records)
    with pytest.raises(BadInputError, match=r"at another speed: its reference network took 0\.4 ms"):
        take_in(study.store, forecast, figures_of([0, 2]), source=SOURCE)
    assert dict(study.store.records) == before


def test_figures_of_none_of_its_networks_are_refused(study: Trials) -> None:
    with pytest.raises(BadInputError, match="none of its 1 networks"):
        take_in(study.store, FORECAST, figures_of([7]), source=SOURCE)


def test_throughput_is_asked_for_and_taken_in_beside_latency(study: Trials) -> None:
    batch = dataclasses.replace(CONDITIONS, batch_size=64)
    asked = (*study.config.objectives, Objective(name=THROUGHPUT_PER_S, direction=Direction.MAXIMIZE))
    config = dataclasses.replace(study.config, objectives=asked)
    for number, record in study.store.records.items():
        study.store.records[number] = dataclasses.replace(record, predicted_throughput_per_s=1e5 / (1 + number))
    both = Forecast(latency=PREDICTOR, throughput=dataclasses.replace(PREDICTOR, conditions=batch))
    requests = [Request.read(path) for path in write_requests(study.store, config, both)]
    assert [request.setup.batch_size for request in requests] == [1, 64]
    take_in(study.store, both, figures_of([0, 2], batch), source=SOURCE)
    found = study.store.records[2]
    assert (found.latency, found.throughput) == (None, latency(3.0, batch))
    assert [path.name for path in write_requests(study.store, config, both)] == [REQUEST_FILE]
    take_in(study.store, both, figures_of([0, 2]), source=SOURCE)
    assert write_requests(study.store, config, both) == []
    assert latency_basis(study.store.records.values(), config.objectives) is LatencyBasis.MEASURED
