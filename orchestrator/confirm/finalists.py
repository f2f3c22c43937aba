"""Which trials are worth confirming."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.config.settings import SearchConfig
from orchestrator.measure.forecast import Forecast
from orchestrator.objectives import ACCURACY, cost
from orchestrator.pareto import dominates
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import is_feasible
from orchestrator.store.store import StudyStore


def finalists(store: StudyStore, config: SearchConfig, forecast: Forecast) -> list[TrialRecord]:
    """COMPLETED trials that may stand on the front once all that is timed is measured.

    Those that are dominated even when their own predicted times are lowered by their predictor's 95 % error are not
    among them.
    """
    limits_of_accuracy = [item for item in config.constraints if item.name == ACCURACY]
    completed = [record for record in store.records.values() if record.state is TrialState.COMPLETED]
    completed = [record for record in completed if is_feasible(record, limits_of_accuracy)]
    points = {record.number: _point(record, config, optimism={}) for record in completed}
    hopeful = {record.number: _point(record, config, optimism=forecast.errors_95) for record in completed}
    return [
        record
        for record in completed
        if not any(
            dominates(points[other.number], hopeful[record.number]) for other in completed if other is not record
        )
    ]


def _point(record: TrialRecord, config: SearchConfig, *, optimism: Mapping[str, float]) -> list[float]:
    """All to be minimised; costs lowered by the share that is given of each."""
    return [
        -record.predicted(name)
        if name == ACCURACY
        else cost(name, record.predicted(name)) * (1 - optimism.get(name, 0.0))
        for name in (objective.name for objective in config.objectives)
    ]
