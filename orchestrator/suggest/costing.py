"""What points cost, found out for many at a time before anything is trained.

Legend: N points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.known_costs import known_costs
from orchestrator.config.settings import LatencySettings
from orchestrator.objectives import KNOWN_COSTS
from orchestrator.suggest.pool import NUM_ACTIVATIONS, NUM_LAYERS, CostTable
from search_spaces import registry
from search_spaces.architecture import Architecture, Task
from search_spaces.columns import plain
from search_spaces.cost_columns import CostColumns
from search_spaces.errors import ArchitectureError
from search_spaces.space import Point

Predict = Callable[[Architecture], float]
"""A timed figure of one network; raises an ``ArchitectureError`` where it can't be told."""

PredictMany = Callable[[Sequence[Point], CostColumns], NDArray[np.float64]]
"""The same of many points; not a number where it can't be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """How a figure that is timed is predicted.

    Attributes:
        of_many: where many can be predicted faster than one by one.
    """

    of_one: Predict
    of_many: PredictMany | None = None

    def column(self, points: Sequence[Point], columns: CostColumns, task: Task) -> NDArray[np.float64]:
        """Of many points; not a number where it can't be told."""
        return (self.of_many or one_by_one(self.of_one, task))(points, columns)


class Forecaster(Protocol):
    """Predicts what is timed, by the name of the figure."""

    @property
    def predictors(self) -> Mapping[str, object]: ...

    def predict(self, name: str, architecture: Architecture, image_size: int) -> float: ...

    def predict_columns(self, name: str, columns: CostColumns) -> NDArray[np.float64]: ...


def predictions_of(forecast: Forecaster, task: Task) -> dict[str, Prediction]:
    """All that a forecast says, as proposals ask for it."""

    def prediction(name: str) -> Prediction:
        return Prediction(
            of_one=lambda architecture: forecast.predict(name, architecture, task.image_size),
            of_many=lambda _points, columns: forecast.predict_columns(name, columns),
        )

    return {name: prediction(name) for name in forecast.predictors}


@dataclass(frozen=True, kw_only=True, slots=True)
class Costing:
    """What a study knows of a network before it is trained: closed forms, and predictions of what is timed."""

    task: Task
    latency: LatencySettings
    predictions: Mapping[str, Prediction]

    def of(self, architecture: Architecture) -> dict[str, float]:
        """Of one network.

        Raises:
            ArchitectureError: something of it can't be told.
        """
        known = known_costs(architecture.layers(self.task.image_size), self.latency)
        timed = {name: one.of_one(architecture) for name, one in self.predictions.items()}
        return {name: float(value) for name, value in (known | timed).items()}

    def table(self, points: Sequence[Point]) -> CostTable:
        """Of many points, with all that a sampler looks at; what can't be told of makes a point impossible."""
        columns = registry.costs(points, self.task)
        timed_N = {name: one.column(points, columns, self.task) for name, one in self.predictions.items()}
        is_told_N = np.all([np.isfinite(column_N) for column_N in timed_N.values()], axis=0)
        return CostTable(
            is_possible_N=columns.is_possible_N & is_told_N,
            costs_N={
                **self._known_columns(columns),
                **{name: np.nan_to_num(column_N) for name, column_N in timed_N.items()},
                NUM_ACTIVATIONS: columns.num_activations_N.astype(float),
                NUM_LAYERS: columns.num_layers_N.astype(float),
            },
        )

    def _known_columns(self, columns: CostColumns) -> dict[str, NDArray[np.float64]]:
        found = {name: np.zeros(len(columns)) for name in KNOWN_COSTS}
        for group in columns.groups:
            for name, value in known_costs(group.layers, self.latency).items():
                found[name][group.rows_G] = plain(value)
        return found


def one_by_one(predict: Predict, task: Task) -> PredictMany:
    """For predictions that need the network itself."""

    def predictions(points: Sequence[Point], columns: CostColumns) -> NDArray[np.float64]:
        found_N = np.full(len(points), np.nan)
        for row in np.flatnonzero(columns.is_possible_N).tolist():
            try:
                found_N[row] = predict(registry.architecture(points[row], task))
            except ArchitectureError:
                continue
        return found_N

    return predictions
