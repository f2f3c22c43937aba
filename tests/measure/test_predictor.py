"""The predictor on networks whose latency is made up, so that the truth is known."""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
from collections.abc import Sequence

import pytest
from scipy.stats import spearmanr

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_features
from orchestrator.measure.predictor import LatencyPredictor, fit_predictor, tried_on
from orchestrator.measure.references import reference_architectures
from orchestrator.records import Latency, LatencyConditions
from search_spaces.architecture import Architecture
from tests.measure.spaces import DIGITS, default_space

CONDITIONS = LatencyConditions(
    device="cpu: simulated",
    num_threads=1,
    batch_size=1,
    input_shape=(1, 8, 8),
    dtype="float32",
    runtime=Runtime.FOLDED.value,
    torch_version="2.11.0",
)
TRUE_CONSTANTS = {"calls_conv": 0.03, "calls_activation": 0.004, "calls_batch_norm": 0.01, "macs_conv": 0.02}


def true_ms(architecture: Architecture) -> float:
    features = latency_features(architecture.layers(8), Runtime.FOLDED)
    return 0.05 + sum(TRUE_CONSTANTS.get(name, 0.002) * value for name, value in features.items())


def latency(median_ms: float, conditions: LatencyConditions = CONDITIONS) -> Latency:
    return Latency(
        median_ms=median_ms,
        low_ms=median_ms,
        high_ms=median_ms,
        num_repetitions=50,
        is_contended=False,
        conditions=conditions,
    )


def networks(*, seed: int, n: int) -> tuple[Architecture, ...]:
    return reference_architectures(default_space(), DIGITS, seed=seed, n=n)


def fitted(architectures: Sequence[Architecture], *, noise: float = 0.0) -> LatencyPredictor:
    rng = random.Random(0)
    latencies = [latency(true_ms(one) * (1 + rng.uniform(-noise, noise))) for one in architectures]
    return fit_predictor(architectures, latencies, image_size=8)


def relative_errors(predictor: LatencyPredictor, others: Sequence[Architecture]) -> list[float]:
    return [abs(true_ms(one) / predictor.predict_ms(one, 8) - 1) for one in others]


def test_networks_that_were_not_measured_are_predicted() -> None:
    predictor = fitted(networks(seed=0, n=18), noise=0.02)
    others = networks(seed=1, n=60)
    assert statistics.mean(relative_errors(predictor, others)) < 0.04
    true_order = sorted(others, key=true_ms)
    assert abs(true_order.index(max(others, key=lambda one: predictor.predict_ms(one, 8))) - 59) <= 2
    assert predictor.rank_correlation > 0.97


def test_one_network_in_twenty_exceeds_the_stated_error() -> None:
    others = networks(seed=1, n=40)
    predictors = [fitted(networks(seed=seed, n=18), noise=0.03) for seed in range(10, 18)]
    held = [error <= one.error_95 for one in predictors for error in relative_errors(one, others)]
    assert statistics.mean(held) > 0.9


def test_constants_are_never_negative() -> None:
    assert min(fitted(networks(seed=0, n=12), noise=0.3).constants.values()) >= 0.0


def test_noise_makes_the_predictor_say_that_it_is_less_certain() -> None:
    references = networks(seed=0, n=18)
    exact, noisy = fitted(references), fitted(references, noise=0.3)
    assert exact.mean_error < noisy.mean_error
    assert exact.error_95 < noisy.error_95 <= 1.0


def test_networks_that_are_predicted_alike_have_no_order() -> None:
    references = networks(seed=0, n=6)
    alike = fitted([references[0]])
    rising = [latency(1.0 + index) for index in range(6)]
    assert tried_on(alike, [references[0]] * 6, rising, image_size=8).rank_correlation == 0.0
    pairs = [references[0], references[0], references[1], references[1]]
    in_pairs = tried_on(fitted(references), sorted(pairs, key=true_ms), rising[:4], image_size=8)
    assert in_pairs.rank_correlation == pytest.approx(spearmanr([0, 1, 2, 3], [0, 0, 1, 1]).statistic)


def test_equal_measurements_give_equal_predictors() -> None:
    assert fitted(networks(seed=0, n=9)) == fitted(networks(seed=0, n=9))


def test_a_single_network_gives_a_predictor_that_trusts_itself_with_nothing() -> None:
    (network,) = networks(seed=0, n=1)
    predictor = fitted([network])
    assert predictor.predict_ms(network, 8) == pytest.approx(true_ms(network))
    assert (predictor.error_95, predictor.rank_correlation) == (1.0, 0.0)


def test_a_predictor_is_the_same_after_a_round_trip_through_json() -> None:
    predictor = fitted(networks(seed=0, n=6))
    assert LatencyPredictor.from_dict(json.loads(json.dumps(predictor.to_dict()))) == predictor


def test_a_predictor_of_another_schema_version_is_refused() -> None:
    fields = fitted(networks(seed=0, n=3)).to_dict()
    with pytest.raises(ValueError, match="schema version 2"):
        LatencyPredictor.from_dict({**fields, "schema_version": 2})


def test_figures_under_different_conditions_are_never_fitted_together() -> None:
    references = networks(seed=0, n=2)
    latencies = [latency(1.0), latency(1.0, dataclasses.replace(CONDITIONS, num_threads=2))]
    with pytest.raises(ValueError, match="same conditions"):
        fit_predictor(references, latencies, image_size=8)


def test_nothing_to_fit_on_is_refused() -> None:
    with pytest.raises(ValueError, match="same conditions"):
        fit_predictor([], [], image_size=8)
