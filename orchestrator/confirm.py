"""After the search: the finalists' test score on free workers, then their latency while nothing else runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.objectives import ACCURACY, LATENCY_MS
from orchestrator.pareto import dominates
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import front, is_feasible
from orchestrator.store.store import StudyStore
from search_spaces.registry import architecture_from_dict

logger = logging.getLogger(__name__)


def finalists(store: StudyStore, config: SearchConfig, predictor: LatencyPredictor) -> list[TrialRecord]:
    """COMPLETED trials that may stand on the front once latency is measured.

    Those that are dominated even when their own predicted latency is lowered by the predictor's 95 % error are not
    among them.
    """
    costs_of_accuracy = [item for item in config.constraints if item.name == ACCURACY]
    completed = [record for record in store.records.values() if record.state is TrialState.COMPLETED]
    completed = [record for record in completed if is_feasible(record, costs_of_accuracy)]
    points = {record.number: _point(record, config, optimism=0.0) for record in completed}
    hopeful = {record.number: _point(record, config, optimism=predictor.error_95) for record in completed}
    return [
        record
        for record in completed
        if not any(
            dominates(points[other.number], hopeful[record.number]) for other in completed if other is not record
        )
    ]


def confirm(
    store: StudyStore,
    config: SearchConfig,
    predictor: LatencyPredictor,
    laboratory: Laboratory,
    *,
    before_measuring: Callable[[], object],
) -> None:
    """Scores and measures what the finalists lack, in that order; what is there already is kept.

    A measured latency may push a finalist over a limit, and so bring another trial to the front: then that one is next.

    Args:
        before_measuring: called when the workers are done, to end whatever else would run beside a measurement.
    """
    chosen = finalists(store, config, predictor)
    while chosen:
        unmeasured = [record for record in chosen if record.latency is None]
        networks = [architecture_from_dict(record.architecture) for record in unmeasured]
        if networks:
            laboratory.prepare(networks)  # builds while the test scores are taken
        score(store, config, [record for record in chosen if record.test_accuracy is None])
        before_measuring()
        for record, latency in zip(unmeasured, laboratory.measure(networks), strict=True):
            store.score(record.number, latency=latency)
        members = front(store.records.values(), config.objectives, config.constraints)
        chosen = [record for record in members if record.latency is None or record.test_accuracy is None]


def score(store: StudyStore, config: SearchConfig, chosen: Sequence[TrialRecord]) -> None:
    """Test accuracy, in Ray tasks that hold what a worker of a trial holds."""
    import ray

    resources = config.resources
    task = ray.remote(num_cpus=resources.cpus_per_worker, num_gpus=resources.gpus_per_worker, max_retries=2)(
        score_models
    )
    slots = max(1, int(ray.cluster_resources().get("CPU", 1) // resources.cpus_per_worker))
    shares = [chosen[start::slots] for start in range(min(slots, len(chosen)))]
    waiting = [
        task.remote(
            {record.number: store.paths.trial(record.number).model for record in share},
            config=config,
        )
        for share in shares
    ]
    for found in ray.get(waiting):
        for number, accuracy in found.items():
            store.score(number, test_accuracy=accuracy)


def score_models(folders: dict[int, Path], *, config: SearchConfig) -> dict[int, float]:
    """Test accuracy of each trial's network, on the split that no decision has seen."""
    from orchestrator.training.attempt import dataset_of
    from orchestrator.training.evaluate import evaluate
    from orchestrator.training.model_files import read_model
    from orchestrator.training.reset import reset_global_state

    reset_global_state(num_threads=config.resources.cpus_per_worker)
    dataset = dataset_of(config.data, config.study.seed)
    return {number: evaluate(read_model(folder), dataset.test, dataset).accuracy for number, folder in folders.items()}


def _point(record: TrialRecord, config: SearchConfig, *, optimism: float) -> list[float]:
    values: list[float] = []
    for objective in config.objectives:
        value = (
            record.predicted_latency_ms * (1 - optimism)
            if objective.name == LATENCY_MS
            else record.value(objective.name)
        )
        values.append(value * objective.direction.sign)
    return values
