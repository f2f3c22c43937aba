"""Everything timed that a study predicts: latency, and throughput where it asks for that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from orchestrator.measure.conditions import Setup
from orchestrator.measure.least_squares import Vector
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S
from orchestrator.records import Latency
from search_spaces.architecture import Architecture
from search_spaces.cost_columns import CostColumns

if TYPE_CHECKING:
    from orchestrator.config.settings import SearchConfig

Timings = Mapping[str, Latency]
"""What was measured of one network, by the name of the figure: how long a batch takes, each of its own size."""

# A network is never predicted to be faster than a clock can tell.
_LEAST_MS = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """The study's predictors, frozen before its first ask.

    Attributes:
        latency: of a batch of ``latency.batch_size``.
        throughput: of a batch of ``latency.throughput_batch_size``; None where the study does not ask for throughput.
    """

    latency: LatencyPredictor
    throughput: LatencyPredictor | None = None

    @property
    def predictors(self) -> Mapping[str, LatencyPredictor]:
        """By the name of the figure."""
        others = {} if self.throughput is None else {THROUGHPUT_PER_S: self.throughput}
        return {LATENCY_MS: self.latency, **others}

    @property
    def errors_95(self) -> Mapping[str, float]:
        """The predictors' 95 % errors, relative to the time that a batch is predicted to take."""
        return {name: one.error_95 for name, one in self.predictors.items()}

    def predict(self, name: str, architecture: Architecture, image_size: int) -> float:
        """The figure of this name, of one network."""
        predictor = self.predictors[name]
        time_ms = predictor.predict_ms(architecture, image_size)
        return time_ms if name == LATENCY_MS else 1e3 * predictor.conditions.batch_size / max(time_ms, _LEAST_MS)

    def predict_columns(self, name: str, columns: CostColumns) -> Vector:
        """The same of many networks; not a number where none can be built."""
        predictor = self.predictors[name]
        time_ms_N = predictor.predict_columns_ms(columns)
        if name == LATENCY_MS:
            return time_ms_N
        rate_N: Vector = 1e3 * predictor.conditions.batch_size / time_ms_N.clip(min=_LEAST_MS)
        return rate_N

    def to_dict(self) -> dict[str, Any]:
        """As the study's constants have it: JSON values only."""
        others = {} if self.throughput is None else {"throughput_predictor": self.throughput.to_dict()}
        return {"predictor": self.latency.to_dict(), **others}

    @classmethod
    def from_dict(cls, constants: Mapping[str, Any]) -> Self | None:
        """From a study's constants; None before there is a predictor among them."""
        if "predictor" not in constants:
            return None
        throughput = constants.get("throughput_predictor")
        return cls(
            latency=LatencyPredictor.from_dict(constants["predictor"]),
            throughput=LatencyPredictor.from_dict(throughput) if throughput else None,
        )


def setups_of(config: SearchConfig) -> dict[str, Setup]:
    """How a study has its networks timed, by the name of the figure; throughput only where it asks for that."""
    latency = Setup.of(config.latency, config.task)
    asked = {one.name for one in config.objectives} | {one.name for one in config.constraints}
    if THROUGHPUT_PER_S not in asked:
        return {LATENCY_MS: latency}
    batch = dataclasses.replace(latency, batch_size=config.latency.throughput_batch_size)
    return {LATENCY_MS: latency, THROUGHPUT_PER_S: batch}
