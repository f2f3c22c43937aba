"""How well latency is predicted, and how well a measurement repeats itself: ``python -m tests.measure.held_out``.

Calibrates as a study does, then measures networks of the space that were not among the references, twice.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from orchestrator.measure.conditions import Setup
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.measure.references import reference_architectures
from orchestrator.records import Latency
from search_spaces.architecture import Architecture, Task
from tests.measure.spaces import default_space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--image-size", type=int, default=8)
    parser.add_argument("--networks", type=int, default=30, help="held-out networks; default %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    task = Task(in_channels=1 if given.image_size == 8 else 3, num_classes=10, image_size=given.image_size)
    print(json.dumps(figures(task, num_networks=given.networks, seed=given.seed), indent=1))


def figures(task: Task, *, num_networks: int, seed: int) -> dict[str, Any]:
    space = default_space(task)
    references = reference_architectures(space, task, seed=seed)
    known = {one.architecture_id for one in references}
    drawn = reference_architectures(space, task, seed=seed + 1, n=num_networks)
    others = [one for one in drawn if one.architecture_id not in known]
    with Laboratory.start(Setup(input_shape=(task.in_channels, task.image_size, task.image_size))) as laboratory:
        laboratory.prepare(references)
        start_s = time.perf_counter()
        predictor = laboratory.calibrate(references)
        calibration_s = time.perf_counter() - start_s
        first, second = laboratory.measure(others), laboratory.measure(others)
    return {
        "machine": f"{first[0].conditions.device}, {platform.system()}, torch {first[0].conditions.torch_version}",
        "calibration_s_with_import_and_build": round(calibration_s, 1),
        "references": len(references),
        "left_out": {
            "rank_correlation": round(predictor.rank_correlation, 4),
            "mean_error": round(predictor.mean_error, 4),
            "error_95": round(predictor.error_95, 4),
        },
        "held_out": {"networks": len(others), **_prediction(predictor, others, first, task.image_size)},
        "repeated": _repetition(first, second),
    }


def _prediction(
    predictor: LatencyPredictor, networks: Sequence[Architecture], measured: Sequence[Latency], image_size: int
) -> dict[str, Any]:
    predicted_ms = np.array([predictor.predict_ms(one, image_size) for one in networks])
    measured_ms = np.array([one.median_ms for one in measured])
    errors = np.abs(measured_ms / predicted_ms - 1.0)
    return {
        "latency_ms": [round(float(measured_ms.min()), 3), round(float(measured_ms.max()), 3)],
        "rank_correlation": round(_rank_correlation(predicted_ms, measured_ms), 4),
        "mean_error": round(float(errors.mean()), 4),
        "within_error_95": round(float((errors <= predictor.error_95).mean()), 3),
    }


def _repetition(first: Sequence[Latency], second: Sequence[Latency]) -> dict[str, Any]:
    first_ms, second_ms = (np.array([one.median_ms for one in run]) for run in (first, second))
    ratios = second_ms / first_ms
    return {
        "rank_correlation": round(_rank_correlation(first_ms, second_ms), 4),
        "level": round(float(np.median(ratios)), 4),
        "spread_of_ratios": round(float((ratios / np.median(ratios)).std()), 4),
        "contended": [sum(one.is_contended for one in run) for run in (first, second)],
    }


def _rank_correlation(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


if __name__ == "__main__":
    main()
