"""Further seeds and retraining of finalists, on request: what is missing is trained, and committed as it ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace

from orchestrator.config.settings import Confirmation, SearchConfig
from orchestrator.confirm.session import Session
from orchestrator.confirm.training import train_again
from orchestrator.records import Retraining, SeedResult, TrialRecord
from orchestrator.store.messages import WorkerResult
from orchestrator.store.store import StudyStore
from orchestrator.training.sharing import share
from orchestrator.training.work import StudyWork, TrialWork


def lacks_training(record: TrialRecord, wanted: Confirmation) -> bool:
    """Whether a trial has yet to be trained again as often as it is asked for."""
    return bool(_missing_seeds(record, wanted)) or (wanted.retrain and record.retrained is None)


def train_further(
    store: StudyStore,
    config: SearchConfig,
    chosen: Iterable[TrialRecord],
    session: Session,
) -> None:
    """First every trial's first seed, then every trial's second, then retraining."""
    records, wanted = list(chosen), config.confirm
    seeds = [
        TrialWork(trial=record.number, token="", architecture=record.architecture, seed=seed)
        for seed in range(1, wanted.seeds + 1)
        for record in records
        if seed in _missing_seeds(record, wanted)
    ]
    if seeds:
        session.tell(f"training {len(seeds)} further seeds of {len({one.trial for one in seeds})} trials")
        with session.while_training():
            _train_seeds(store, config, seeds, session)
    retrained = [
        TrialWork(trial=record.number, token="", architecture=record.architecture)
        for record in records
        if wanted.retrain and record.retrained is None
    ]
    if retrained:
        session.tell(f"retraining {len(retrained)} trials on training and validation images")
        joined, _ = share(replace(session.work, joins_validation=True, shared=None))
        with session.while_training():
            _retrain(store, config, retrained, replace(session, work=joined))


def _train_seeds(
    store: StudyStore,
    config: SearchConfig,
    works: Sequence[TrialWork],
    session: Session,
) -> None:
    for one, result in train_again(session.work, works, layout=session.layout, resources=config.resources):
        found = SeedResult(
            seed=one.seed,
            accuracy=result.accuracy,
            loss=result.loss,
            wall_time_s=result.wall_time_s,
            cause=result.cause,
            message=result.message,
        )
        store.add_seed(one.trial, found)
        _remove_checkpoints(session.work, one)
        ended = f"failed: {result.cause}" if result.accuracy is None else f"accuracy {result.accuracy:.4f}"
        session.tell(f"trial {one.trial}, seed {one.seed}: {ended}")


def _retrain(
    store: StudyStore,
    config: SearchConfig,
    works: Sequence[TrialWork],
    session: Session,
) -> None:
    for one, result in train_again(session.work, works, layout=session.layout, resources=config.resources):
        store.set_retrained(one.trial, _retraining(result))
        _remove_checkpoints(session.work, one)
        session.tell(
            f"trial {one.trial}: {'retrained' if result.cause is None else f'retraining failed: {result.cause}'}"
        )


def _retraining(result: WorkerResult) -> Retraining:
    """Without its accuracy on validation images: it was trained on them."""
    return Retraining(wall_time_s=result.wall_time_s, cause=result.cause, message=result.message)


def _missing_seeds(record: TrialRecord, wanted: Confirmation) -> list[int]:
    known = {one.seed for one in record.seeds}
    return [seed for seed in range(1, wanted.seeds + 1) if seed not in known]


def _remove_checkpoints(study: StudyWork, work: TrialWork) -> None:
    shutil.rmtree(study.directory(work) / "checkpoints", ignore_errors=True)
