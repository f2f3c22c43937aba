"""After the search: the finalists' test score on free workers, then their latency while nothing else runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.measure.conditions import conditions_of
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.objectives import ACCURACY, LATENCY_MS
from orchestrator.pareto import dominates
from orchestrator.records import LatencyConditions, TrialRecord, TrialState
from orchestrator.scores import ClassificationScore
from orchestrator.selector import front, is_feasible
from orchestrator.store.store import StudyStore
from orchestrator.training.work import StudyWork
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
    laboratory: Laboratory | None,
    *,
    work: StudyWork,
    before_measuring: Callable[[], object],
) -> None:
    """Scores and measures what the finalists lack, in that order; what is there already is kept.

    A measured latency may push a finalist over a limit, and so bring another trial to the front: then that one is next.
    A latency that holds under other conditions than today's, as after an upgrade of torch, is measured again.

    Args:
        work: what the workers of a trial are told, and so those who score.
        laboratory: None where latency is taken elsewhere; then the finalists are scored alone.
        before_measuring: called when the workers are done, to end whatever else would run beside a measurement.
    """
    chosen = finalists(store, config, predictor)
    if laboratory is None:
        score(store, config, work, [record for record in chosen if record.test_accuracy is None])
        return
    conditions = conditions_of(laboratory.setup)
    measured: set[int] = set()  # each once in a session, whatever the laboratory says of its conditions
    while chosen:
        unmeasured = [record for record in chosen if not _is_measured(record, conditions)]
        measured |= {record.number for record in unmeasured}
        networks = [architecture_from_dict(record.architecture) for record in unmeasured]
        if networks:
            laboratory.prepare(networks)  # builds while the test scores are taken
        score(store, config, work, [record for record in chosen if record.test_accuracy is None])
        before_measuring()
        for record, latency in zip(unmeasured, laboratory.measure(networks), strict=True):
            store.score(record.number, latency=latency)
        members = front(store.records.values(), config.objectives, config.constraints)
        chosen = [
            record
            for record in members
            if record.test_accuracy is None or not (record.number in measured or _is_measured(record, conditions))
        ]


def score(store: StudyStore, config: SearchConfig, work: StudyWork, chosen: Sequence[TrialRecord]) -> None:
    """The test split's classes told apart, in Ray tasks that hold what a worker of a trial holds."""
    if not chosen:
        return
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
            study=work,
        )
        for share in shares
    ]
    for found in ray.get(waiting):
        for number, test_score in found.items():
            store.score(number, test_score=test_score)


def score_models(folders: dict[int, Path], *, study: StudyWork) -> dict[int, ClassificationScore]:
    """How well each trial's network does on the split that no decision has seen."""
    from orchestrator.training.evaluate import score_classes
    from orchestrator.training.model_files import read_model
    from orchestrator.training.reset import reset_global_state
    from orchestrator.training.sharing import study_dataset

    reset_global_state(num_threads=study.num_threads)
    dataset = study_dataset(study)
    return {number: score_classes(read_model(folder), dataset.test, dataset) for number, folder in folders.items()}


def _is_measured(record: TrialRecord, conditions: LatencyConditions) -> bool:
    return record.latency is not None and record.latency.conditions == conditions


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
