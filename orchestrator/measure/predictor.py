"""The latency of any network of a space, without building it: a sum over its layers, fitted on a few measured ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.conditions import conditions_from_dict
from orchestrator.measure.features import latency_feature_columns, latency_features
from orchestrator.measure.least_squares import Vector, non_negative_least_squares
from orchestrator.records import Latency, LatencyConditions
from search_spaces.architecture import Architecture
from search_spaces.cost_columns import CostColumns

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyPredictor:
    """Constants of a linear model, and how far it can be trusted.

    Errors are relative to the prediction, and found on networks that it was not fitted on: those that a device profile
    holds out, else each measured network in turn.

    Attributes:
        constants: milliseconds per unit of each feature of ``latency_features``; never negative.
        error_95: exceeded by one network in twenty at most; 1 where too few were measured to know.
        rank_correlation: Spearman's, between predicted and measured.
        reference_ms: what the reference network took at the machine's full speed; None where that was not recorded.
    """

    constants: Mapping[str, float]
    conditions: LatencyConditions
    num_references: int
    error_95: float
    mean_error: float
    rank_correlation: float
    reference_ms: float | None = None

    def predict_ms(self, architecture: Architecture, image_size: int) -> float:
        """The latency under ``conditions``; what no measured network has is taken to cost nothing."""
        features = latency_features(architecture.layers(image_size), Runtime(self.conditions.runtime))
        return sum(self.constants.get(name, 0.0) * value for name, value in features.items())

    def predict_columns_ms(self, columns: CostColumns) -> Vector:
        """What ``predict_ms`` gives for each of many networks, N; not a number where none can be built."""
        latency_ms_N = np.where(columns.is_possible_N, 0.0, np.nan)
        for name, feature_N in latency_feature_columns(columns, Runtime(self.conditions.runtime)).items():
            latency_ms_N += self.constants.get(name, 0.0) * feature_N
        return latency_ms_N

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave.

        Raises:
            ValueError: it is of another schema version.
        """
        rest = dict(fields)
        if (version := rest.pop("schema_version")) != SCHEMA_VERSION:
            raise ValueError(f"latency predictor of schema version {version}: this archfront reads {SCHEMA_VERSION}")
        return cls(conditions=conditions_from_dict(rest.pop("conditions")), **rest)


def fit_predictor(
    architectures: Sequence[Architecture], latencies: Sequence[Latency], *, image_size: int
) -> LatencyPredictor:
    """The model whose relative errors on these networks are least squares; its constants are not negative.

    Raises:
        ValueError: there is nothing to fit on, or the latencies were measured under different conditions.
    """
    if len({latency.conditions for latency in latencies}) != 1:
        raise ValueError("a latency predictor needs networks that were measured under the same conditions")
    conditions = latencies[0].conditions
    runtime = Runtime(conditions.runtime)
    rows = [latency_features(architecture.layers(image_size), runtime) for architecture in architectures]
    names = sorted({name for row in rows for name in row})
    features_NF = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    measured_N = np.array([latency.median_ms for latency in latencies])
    left_out_N = _left_out_predictions(features_NF, measured_N)
    return LatencyPredictor(
        constants=dict(zip(names, _fit(features_NF, measured_N).tolist(), strict=True)),
        conditions=conditions,
        num_references=len(latencies),
        **_figures(measured_N, left_out_N),
    )


def tried_on(
    predictor: LatencyPredictor,
    architectures: Sequence[Architecture],
    latencies: Sequence[Latency],
    *,
    image_size: int,
) -> LatencyPredictor:
    """The same predictor with the errors that it has on networks that it was not fitted on.

    Raises:
        ValueError: they were measured under other conditions than it predicts for.
    """
    if any(latency.conditions != predictor.conditions for latency in latencies):
        raise ValueError("a latency predictor needs networks that were measured under the same conditions")
    measured_N = np.array([latency.median_ms for latency in latencies])
    predicted_N = np.array([predictor.predict_ms(one, image_size) for one in architectures])
    return dataclasses.replace(predictor, **_figures(measured_N, predicted_N))


def _figures(measured_N: Vector, predicted_N: Vector) -> dict[str, Any]:
    errors_N = _relative_errors(measured_N, predicted_N)
    return {
        # Of 20 networks or fewer the worst is the only one that 19 in 20 others can be expected to stay below.
        "error_95": float(np.quantile(errors_N, 0.95, method="higher")),
        "mean_error": float(errors_N.mean()),
        "rank_correlation": _rank_correlation(measured_N, predicted_N),
    }


def _fit(features_NF: Vector, measured_N: Vector) -> Vector:
    scale_F = features_NF.max(axis=0)
    scale_F[scale_F == 0.0] = 1.0
    relative_NF = features_NF / scale_F / measured_N[:, None]
    constants_F: Vector = non_negative_least_squares(relative_NF, np.ones(len(measured_N))) / scale_F
    return constants_F


def _left_out_predictions(features_NF: Vector, measured_N: Vector) -> Vector:
    """What each network is predicted to take by a model fitted on the others."""
    if len(measured_N) == 1:
        return np.zeros(1)
    others = ~np.eye(len(measured_N), dtype=bool)
    constants_NF = [_fit(features_NF[rest], measured_N[rest]) for rest in others]
    return np.array([row @ constants for row, constants in zip(features_NF, constants_NF, strict=True)])


def _relative_errors(measured_N: Vector, predicted_N: Vector) -> Vector:
    """In [0, 1]: a prediction lowered by more than itself says nothing."""
    with np.errstate(divide="ignore"):
        return np.minimum(np.abs(measured_N / predicted_N - 1.0), 1.0)


def _rank_correlation(first_N: Vector, second_N: Vector) -> float:
    """Spearman's coefficient; 0 where it is undefined: of fewer than three networks, or where all are equal."""
    if len(first_N) < 3 or np.ptp(first_N) == 0.0 or np.ptp(second_N) == 0.0:
        return 0.0
    return float(np.corrcoef(_ranks(first_N), _ranks(second_N))[0, 1])


def _ranks(values_N: Vector) -> Vector:
    """Counted from 0; equal values share the mean of their ranks."""
    _, places_N, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    ranks: Vector = counts.cumsum() - (counts + 1) / 2
    return ranks[places_N]
