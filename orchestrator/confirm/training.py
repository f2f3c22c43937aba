"""Trains networks of ended trials once more, as the search trained them: in tasks, or on worker groups."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from orchestrator.config.settings import EngineName, Resources
from orchestrator.errors import InterruptedStudyError, StorageError
from orchestrator.records import Cause, TrialState
from orchestrator.runtime.layout import Layout, worker_needs
from orchestrator.store.messages import Message, MessageKind, WorkerResult
from orchestrator.training.work import StudyWork, TrialWork
from orchestrator.trial import worker_groups


def train_again(
    study: StudyWork, works: Iterable[TrialWork], *, layout: Layout, resources: Resources
) -> Iterator[tuple[TrialWork, WorkerResult]]:
    """Each training as it ends; one whose workers died is taken up from its last checkpoint.

    When they are to stop, it waits for all of them to have checkpointed.

    Raises:
        InterruptedStudyError: another driver has taken the study.
        StorageError: the workers can't write.
    """
    pending = list(works)
    slots = replace(layout, num_slots=min(layout.num_slots, len(pending)))
    with _engine(study, slots, resources) as engine:
        trainings = _Trainings(engine, max_attempts=resources.max_attempts)
        for work in pending:
            trainings.begin(work)
        while trainings.waiting:
            ended = trainings.next_end()
            if ended is not None:
                yield ended
        if trainings.is_interrupted:
            raise InterruptedStudyError("interrupted; trainings go on from their last checkpoints")


class _Trainings:
    """Those that are under way, by the reference to the next message of each."""

    def __init__(self, engine: _Engine, *, max_attempts: int) -> None:
        self.waiting: dict[Any, TrialWork] = {}
        self.is_interrupted = False
        self._engine = engine
        self._max_attempts = max_attempts
        self._deaths: Counter[tuple[int, int]] = Counter()

    def begin(self, work: TrialWork) -> None:
        attempt = replace(work, token=secrets.token_hex(8))
        self.waiting[self._engine.begin(attempt)] = attempt

    def next_end(self) -> tuple[TrialWork, WorkerResult] | None:
        """Waits for a message; None where it ends no training."""
        import ray

        (ready, *_), _ = ray.wait(list(self.waiting), num_returns=1)
        work = self.waiting.pop(ready)
        message = _message(ready, work)
        match message.kind:
            case MessageKind.REPORT:
                self.waiting[self._engine.go_on(work)] = work
            case MessageKind.END:
                assert message.result is not None
                return work, message.result
            case MessageKind.LOST:
                return self._lost(work, message.detail)
            case MessageKind.INTERRUPTED if message.detail:
                raise StorageError(message.detail, hint="make room, then give the command again")
            case MessageKind.INTERRUPTED:
                self.is_interrupted = True  # the others hear of it as well
        return None

    def _lost(self, work: TrialWork, detail: str) -> tuple[TrialWork, WorkerResult] | None:
        if self.is_interrupted:
            return None
        self._deaths[work.trial, work.seed] += 1
        num_deaths = self._deaths[work.trial, work.seed]
        if num_deaths >= self._max_attempts:
            return work, _died(detail, num_deaths)
        self.begin(work)
        return None


class _Engine(Protocol):
    """Where attempts are made; each answers with references to one message after the other."""

    def begin(self, work: TrialWork) -> Any: ...

    def go_on(self, work: TrialWork) -> Any: ...


class _Tasks:
    """One worker a training: a Ray task says how it ended."""

    def __init__(self, study: StudyWork, resources: Resources) -> None:
        import ray

        needs = worker_needs(resources)
        self._study = study
        self._task = ray.remote(
            num_cpus=needs.pop("CPU"), num_gpus=needs.pop("GPU", 0.0), resources=needs, max_retries=0
        )(train_here)

    def begin(self, work: TrialWork) -> Any:
        return self._task.remote(self._study, work)

    def go_on(self, work: TrialWork) -> Any:
        raise AssertionError(f"trial {work.trial}: a task says nothing before its end")


class _Groups:
    """Several workers a training: a group's messages come by way of its broker."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def begin(self, work: TrialWork) -> Any:
        import ray

        ray.get(self._broker.submit.remote(work))
        return self._broker.poll.remote(work.token)

    def go_on(self, work: TrialWork) -> Any:
        self._broker.answer.remote(work.token, go_on=True)
        return self._broker.poll.remote(work.token)


@contextmanager
def _engine(study: StudyWork, layout: Layout, resources: Resources) -> Iterator[_Engine]:
    if layout.engine is EngineName.INLINE:
        yield _Tasks(study, resources)
        return
    with worker_groups(study, layout, resources) as broker:
        yield _Groups(broker)


def train_here(study: StudyWork, work: TrialWork) -> Message:
    """The whole training in this process; nobody decides on its epochs."""
    from orchestrator.training.attempt import StopSignal, keep_result, run_attempt
    from orchestrator.training.sharing import study_dataset
    from orchestrator.trial import InlineContext

    if StopSignal(study).check():
        return Message(trial=work.trial, token=work.token, kind=MessageKind.INTERRUPTED)
    context = InlineContext(study, work, tell=lambda _message: None)
    message = run_attempt(study, work, context, dataset=study_dataset(study))
    assert message is not None, "only a driver that decides ends a training without a message"
    return keep_result(study, work, message)


def _message(reference: Any, work: TrialWork) -> Message:
    import ray

    try:
        message: Message = ray.get(reference)
    except ray.exceptions.RayError as error:
        detail = str(error).partition("\n")[0]
        return Message(trial=work.trial, token=work.token, kind=MessageKind.LOST, detail=detail)
    return message


def _died(detail: str, num_deaths: int) -> WorkerResult:
    message = f"its workers died {num_deaths} times; the last time: {detail}"
    return WorkerResult(state=TrialState.FAILED, cause=Cause.WORKER_DIED, message=message)
