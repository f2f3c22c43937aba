"""One attempt of a trial in a worker: training, and what is said of its end. Knows nothing of Ray."""

from __future__ import annotations

import functools
import logging
import time
import traceback
from pathlib import Path

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset, load
from orchestrator.records import Cause, TrialState
from orchestrator.store.lease import highest_owner_epoch
from orchestrator.store.messages import Message, MessageKind, WorkerResult, write_result
from orchestrator.store.paths import StudyPaths
from orchestrator.training.context import Context, StopTrial, TrialFailure
from orchestrator.training.loop import train
from orchestrator.training.reset import reset_global_state
from orchestrator.training.work import StudyWork, TrialWork
from search_spaces.registry import architecture_from_dict

logger = logging.getLogger(__name__)

STOP_CHECK_INTERVAL_S = 0.2


class StopSignal:
    """Whether workers are to checkpoint and end: the driver asks for it, or another driver has taken the study.

    Looks at the study's directory at most every 0.2 s, so that a step costs nothing.
    """

    def __init__(self, study: StudyWork) -> None:
        self._paths = StudyPaths(study.root)
        self._owner_epoch = study.owner_epoch
        self._next_check = 0.0
        self.is_set = False

    def check(self) -> bool:
        if not self.is_set and time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + STOP_CHECK_INTERVAL_S
            deposed = highest_owner_epoch(self._paths.owner(0).parent) > self._owner_epoch
            self.is_set = deposed or self._paths.stop_request.exists()
        return self.is_set


@functools.lru_cache(maxsize=1)
def dataset_of(data: DataSettings, seed: int) -> Dataset:
    """The data set, loaded once in the life of a worker process."""
    return load(data, seed=derive_seed(seed, "split"))


def run_attempt(study: StudyWork, work: TrialWork, context: Context) -> Message | None:
    """Trains and returns the last message; None where the driver has decided the end.

    An exception of the network is the trial's result, not the worker's.
    """
    reset_global_state(num_threads=study.num_threads)
    try:
        result = _train(study, work, context)
    except StopTrial as stop:
        if stop.by_driver:
            return None
        return Message(trial=work.trial, token=work.token, kind=MessageKind.INTERRUPTED)
    return Message(trial=work.trial, token=work.token, kind=MessageKind.END, result=result)


def keep_result(study: StudyWork, message: Message) -> None:
    """Writes ``result.json`` before the end is reported: a driver that dies in between adopts it later."""
    if message.result is not None:
        path = StudyPaths(study.root).trial(message.trial).result
        write_result(path, token=message.token, result=message.result)


def _train(study: StudyWork, work: TrialWork, context: Context) -> WorkerResult:
    try:
        architecture = architecture_from_dict(work.architecture)
        final = train(architecture, study.recipe, dataset_of(study.data, study.seed), context)
    except StopTrial:
        raise
    except TrialFailure as failure:
        state = TrialState.INFEASIBLE if failure.cause is Cause.OUT_OF_MEMORY else TrialState.FAILED
        return WorkerResult(state=state, cause=failure.cause, message=failure.message)
    except Exception as error:
        logger.warning("trial %d failed", work.trial, exc_info=True)
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return WorkerResult(state=TrialState.FAILED, cause=Cause.ERROR, message=text[:500])
    return WorkerResult(
        state=TrialState.COMPLETED, accuracy=final.accuracy, loss=final.loss, wall_time_s=final.wall_time_s
    )
