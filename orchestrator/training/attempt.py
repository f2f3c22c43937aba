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
from orchestrator.errors import StorageError
from orchestrator.failpoints import failpoint
from orchestrator.records import Cause, TrialState
from orchestrator.storage.remote import Remote, open_remote
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store.lease import highest_owner_epoch, news_since
from orchestrator.store.messages import Message, MessageKind, WorkerResult, write_result
from orchestrator.store.paths import StudyPaths
from orchestrator.store.stacks import is_library
from orchestrator.training.carrier import Carrier
from orchestrator.training.context import Context, StopTrial, TrialFailure
from orchestrator.training.loop import train
from orchestrator.training.reset import reset_global_state
from orchestrator.training.watchdog import Watchdog
from orchestrator.training.work import StudyWork, TrialWork
from search_spaces.registry import architecture_from_dict

logger = logging.getLogger(__name__)

STOP_CHECK_INTERVAL_S = 0.2
REMOTE_STOP_CHECK_INTERVAL_S = 4.0
MAX_MESSAGE = 500


class StopSignal:
    """Whether workers are to checkpoint and end: the driver asks for it, or another driver has taken the study.

    Looks at the study's directory at most every 0.2 s, so that a step costs nothing; at remote storage every 4 s.
    """

    def __init__(self, study: StudyWork) -> None:
        self._paths = StudyPaths(study.folder)
        self._owner_epoch = study.owner_epoch
        self._remote = open_remote(study.url, patience_s=0.0) if study.url else None
        self._next_check = 0.0
        self.is_set = False

    def check(self) -> bool:
        if not self.is_set and time.monotonic() >= self._next_check:
            self.is_set = self._is_asked_here() if self._remote is None else self._is_asked_there(self._remote)
            interval_s = STOP_CHECK_INTERVAL_S if self._remote is None else REMOTE_STOP_CHECK_INTERVAL_S
            self._next_check = time.monotonic() + interval_s
        return self.is_set

    def _is_asked_here(self) -> bool:
        deposed = highest_owner_epoch(SharedFolder(self._paths.root)) > self._owner_epoch
        return deposed or self._paths.stop_request(self._owner_epoch).exists()

    def _is_asked_there(self, remote: Remote) -> bool:
        try:
            return news_since(remote, self._owner_epoch)
        except StorageError:
            return False  # asked again; a checkpoint that can't be put tells of it


@functools.lru_cache(maxsize=1)
def dataset_of(data: DataSettings, seed: int, *, originals: bool = False, joins_validation: bool = False) -> Dataset:
    """The data set, loaded once in the life of a worker process.

    Args:
        originals: keep the training images as they were before they were resized.
        joins_validation: as ``data.dataset.load``.
    """
    return load(data, seed=derive_seed(seed, "split"), originals=originals, joins_validation=joins_validation)


def run_attempt(study: StudyWork, work: TrialWork, context: Context, *, dataset: Dataset) -> Message | None:
    """Trains and returns the last message; None where the driver has decided the end.

    An exception of the network is the trial's result, not the worker's; a storage that fails is neither's.
    """
    reset_global_state(num_threads=study.num_threads, gpu_share=study.gpu_share)
    try:
        result = _train(study, work, context, dataset)
    except StopTrial as stop:
        if stop.by_driver:
            Carrier(study).clean(context.directory)
            return None
        return Message(trial=work.trial, token=work.token, kind=MessageKind.INTERRUPTED)
    except StorageError as error:
        return _not_stored(work.trial, work.token, error)
    return Message(trial=work.trial, token=work.token, kind=MessageKind.END, result=result)


def keep_result(study: StudyWork, work: TrialWork, message: Message) -> Message:
    """Writes ``result.json`` before the end is reported: a driver that dies in between adopts it later.

    A further training of an ended trial has none: it goes on from its last checkpoint, which is that of its end.

    Returns:
        What is to be reported: the message, or that its result can't be kept.
    """
    if message.result is not None and not study.is_further(work):
        path = StudyPaths(study.folder).trial(message.trial).result
        try:
            failpoint("result.before_write")
            write_result(path, token=message.token, result=message.result)
            Carrier(study).put(path)
            failpoint("result.after_write")
        except StorageError as error:
            return _not_stored(message.trial, message.token, error)
    if message.result is not None:
        Carrier(study).clean(study.directory(work))
    return message


def _not_stored(trial: int, token: str, error: StorageError) -> Message:
    """The attempt is over and its trial is not: it goes on from its last checkpoint when there is room again."""
    return Message(trial=trial, token=token, kind=MessageKind.INTERRUPTED, detail=error.message)


def _train(study: StudyWork, work: TrialWork, context: Context, dataset: Dataset) -> WorkerResult:
    try:
        architecture, carrier = architecture_from_dict(work.architecture), Carrier(study)
        if context.rank == 0:
            carrier.fetch_checkpoint(context.directory)
        with Watchdog(context, token=work.token) as watched:
            publish = watched.unhurried(carrier.publish)
            final = train(architecture, study.recipe, dataset, watched, build=watched.build, publish=publish)
    except (StopTrial, StorageError):
        raise
    except TrialFailure as failure:
        state = TrialState.INFEASIBLE if failure.cause is Cause.OUT_OF_MEMORY else TrialState.FAILED
        return WorkerResult(state=state, cause=failure.cause, message=_bounded(failure.message))
    except Exception as error:
        logger.warning("trial %d failed", work.trial, exc_info=True)
        text = _bounded(f"{type(error).__name__}: {error}")
        return WorkerResult(state=TrialState.FAILED, cause=Cause.ERROR, message=f"{text} ({_place(error)})")
    return WorkerResult(
        state=TrialState.COMPLETED, accuracy=final.accuracy, loss=final.loss, wall_time_s=final.wall_time_s
    )


def _bounded(text: str) -> str:
    """Enough to know it by: a family may put a whole tensor into its message."""
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


def _place(error: BaseException) -> str:
    """The innermost line that is neither Python's nor torch's: a mistake in a family is to be looked for there."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((item for item in reversed(frames) if not is_library(item.filename)), frames[-1])
    return f"{Path(frame.filename).name}:{frame.lineno}"
