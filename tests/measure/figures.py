"""Figures made up for tests: latencies whose truth is a sum over layers."""

from __future__ import annotations

import random
from collections.abc import Sequence

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_features
from orchestrator.records import Latency, LatencyConditions
from search_spaces.architecture import Architecture

CONDITIONS = LatencyConditions(
    device="board: Cortex-A72",
    num_threads=1,
    batch_size=1,
    input_shape=(1, 8, 8),
    dtype="float32",
    runtime=Runtime.FOLDED.value,
    torch_version="2.15.0",
    num_cores=4,
)


def latency(median_ms: float, conditions: LatencyConditions = CONDITIONS) -> Latency:
    return Latency(
        median_ms=median_ms,
        low_ms=median_ms * 0.99,
        high_ms=median_ms * 1.01,
        num_repetitions=50,
        is_contended=False,
        conditions=conditions,
    )


def latencies(
    networks: Sequence[Architecture], *, noise: float = 0.0, conditions: LatencyConditions = CONDITIONS
) -> tuple[Latency, ...]:
    rng = random.Random(0)
    return tuple(latency(_true_ms(one) * (1 + rng.uniform(-noise, noise)), conditions) for one in networks)


def _true_ms(network: Architecture) -> float:
    features = latency_features(network.layers(8), Runtime.FOLDED)
    return sum((0.01 if name.startswith("calls") else 0.002) * value for name, value in features.items())
