"""The test split's classes told apart by trained networks, in Ray tasks that hold what a worker of a trial holds."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from orchestrator.config.settings import SearchConfig
from orchestrator.records import TrialRecord
from orchestrator.runtime.layout import worker_needs
from orchestrator.scores import ClassificationScore
from orchestrator.store.store import StudyStore
from orchestrator.training.work import StudyWork

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


def score(store: StudyStore, config: SearchConfig, work: StudyWork, chosen: Sequence[TrialRecord]) -> None:
    """Scores the networks that the search has trained, or that it took over with their files."""
    folders = {record.number: store.paths.trial(record.number).model for record in chosen}
    for number, found in _scored(_there(folders, work), config, work):
        store.score(number, test_score=found)


def score_further(store: StudyStore, config: SearchConfig, work: StudyWork) -> None:
    """Scores what was trained after the search and has no score yet; the networks of further seeds are not kept."""
    folders = {
        (record.number, one.seed): store.paths.trial(record.number).seed(one.seed).model
        for record in store.records.values()
        for one in record.seeds
        if one.accuracy is not None and one.test_accuracy is None
    }
    for (number, seed), found in _scored(_there(folders, work), config, work):
        result = next(one for one in store.records[number].seeds if one.seed == seed)
        store.add_seed(number, replace(result, test_accuracy=found.accuracy))
        shutil.rmtree(store.paths.trial(number).seed(seed).root, ignore_errors=True)
    retrained = {
        record.number: store.paths.trial(record.number).retrained.model
        for record in store.records.values()
        if record.retrained is not None and record.retrained.cause is None and record.retrained.test_score is None
    }
    for number, found in _scored(_there(retrained, work), config, work):
        result_again = store.records[number].retrained
        assert result_again is not None
        store.set_retrained(number, replace(result_again, test_score=found))


def _there(folders: Mapping[Key, Path], study: StudyWork) -> dict[Key, Path]:
    """Without those that somebody has removed; what is in remote storage can't be seen from here."""
    found = {key: path for key, path in folders.items() if study.url or path.is_dir()}
    for key in folders.keys() - found.keys():
        logger.warning("%s is gone: its network has no test score", folders[key])
    return found


def _scored(
    folders: Mapping[Key, Path], config: SearchConfig, work: StudyWork
) -> Iterator[tuple[Key, ClassificationScore]]:
    if not folders:
        return
    import ray

    needs = worker_needs(config.resources)
    slots = max(1, int(ray.cluster_resources().get("CPU", 1) // needs["CPU"]))
    task = ray.remote(num_cpus=needs.pop("CPU"), num_gpus=needs.pop("GPU", 0.0), resources=needs, max_retries=2)(
        score_models
    )
    everything = [(key, folder.absolute()) for key, folder in folders.items()]  # a node works in a folder of its own
    shares = [dict(everything[start::slots]) for start in range(min(slots, len(everything)))]
    for found in ray.get([task.remote(share, study=work) for share in shares]):
        yield from found.items()


def score_models(folders: dict[Key, Path], *, study: StudyWork) -> dict[Key, ClassificationScore]:
    """How well each network does on the split that no decision has seen."""
    from orchestrator.training.carrier import Carrier
    from orchestrator.training.evaluate import score_classes
    from orchestrator.training.model_files import read_model
    from orchestrator.training.reset import reset_global_state
    from orchestrator.training.sharing import study_dataset

    reset_global_state(num_threads=study.num_threads, gpu_share=study.gpu_share)
    dataset = study_dataset(study)
    carrier = Carrier(study)
    models = {key: carrier.brought(folder) for key, folder in folders.items()}
    return {
        key: score_classes(read_model(model), dataset.test, dataset) for key, model in models.items() if model.is_dir()
    }
