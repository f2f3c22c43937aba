"""Features of many networks at once, and latencies predicted from them, are those of each network alone."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_feature_columns, latency_features
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.records import LatencyConditions
from search_spaces import registry
from search_spaces.architecture import Task
from search_spaces.parameters import ChoiceParameter, IntParameter
from search_spaces.space import Point, SearchSpace
from tests.measure.spaces import DIGITS, default_space

CIFAR = Task(in_channels=3, num_classes=10, image_size=32)
IMAGENET = Task(in_channels=3, num_classes=1000, image_size=224)

PREDICTOR = LatencyPredictor(
    constants={"calls_conv": 0.03, "calls_batch_norm": 0.01, "macs_conv_1x1": 0.02, "macs_depthwise_conv": 0.5},
    conditions=LatencyConditions(
        device="cpu: simulated",
        num_threads=1,
        batch_size=1,
        input_shape=(1, 8, 8),
        dtype="float32",
        runtime=Runtime.FOLDED.value,
        torch_version="2.11.0",
    ),
    num_references=3,
    error_95=0.1,
    mean_error=0.05,
    rank_correlation=0.9,
)


def bottlenecks(task: Task) -> SearchSpace:
    """Residual networks with dense, grouped and depthwise convolutions, of depths of their own."""
    entries = {
        "block": "bottleneck",
        "groups": ChoiceParameter(name="", choices=(1, 4, 16)),
        "width_per_group": ChoiceParameter(name="", choices=(4, 64)),
        "base_width": 16,
        "num_stages": IntParameter(name="", low=1, high=3),
        "depth": IntParameter(name="", low=1, high=3),
        "stem": ChoiceParameter(name="", choices=("cifar", "imagenet")),
    }
    return SearchSpace(families=(registry.get_family("resnet").space(entries, task),))


@dataclass(frozen=True)
class Described:
    """What is known of a data set before it is loaded."""

    task: Task
    num_train: int = 1078
    own_splits: tuple[str, ...] = ()


def digits_study(task: Task) -> SearchSpace:
    study = load("digits", inspect=lambda _settings: Described(task), shipped={"digits": studies.read("digits")})
    return study.config.space


SPACES = {
    "default digits": (default_space, DIGITS),
    "digits.toml": (digits_study, DIGITS),
    "default CIFAR": (default_space, CIFAR),
    "default ImageNet": (default_space, IMAGENET),
    "bottlenecks": (bottlenecks, CIFAR),
}


def sampled(space: SearchSpace, count: int) -> list[Point]:
    rng = random.Random(0)
    return [space.sample(rng) for _ in range(count)]


@pytest.fixture(params=SPACES)
def searched(request: pytest.FixtureRequest) -> tuple[Sequence[Point], Task]:
    space, task = SPACES[request.param]
    return sampled(space(task), 80), task


@pytest.mark.parametrize("runtime", [Runtime.EAGER, Runtime.FOLDED])
def test_features_of_many_networks_are_those_of_each(searched: tuple[Sequence[Point], Task], runtime: Runtime) -> None:
    points, task = searched
    columns = latency_feature_columns(registry.costs(points, task), runtime)
    alone = [latency_features(registry.architecture(one, task).layers(task.image_size), runtime) for one in points]
    assert set(columns) == {name for features in alone for name in features}
    for name, column_N in columns.items():
        np.testing.assert_allclose(column_N, [features.get(name, 0.0) for features in alone], rtol=1e-12)


@pytest.mark.parametrize("runtime", [Runtime.EAGER, Runtime.FOLDED])
def test_latencies_of_many_networks_are_those_of_each(searched: tuple[Sequence[Point], Task], runtime: Runtime) -> None:
    points, task = searched
    conditions = dataclasses.replace(PREDICTOR.conditions, runtime=runtime.value)
    predictor = dataclasses.replace(PREDICTOR, conditions=conditions)
    alone = [predictor.predict_ms(registry.architecture(one, task), task.image_size) for one in points]
    np.testing.assert_allclose(predictor.predict_columns_ms(registry.costs(points, task)), alone, rtol=1e-12)


def test_what_cannot_be_built_has_no_latency() -> None:
    possible = {"num_blocks": 2, "num_layers": 1}
    points = [Point(family="densenet", values={**possible, "num_blocks": num_blocks}) for num_blocks in (2, 6)]
    columns = registry.costs(points, DIGITS)
    assert columns.is_possible_N.tolist() == [True, False]
    assert np.isnan(PREDICTOR.predict_columns_ms(columns)).tolist() == [False, True]
