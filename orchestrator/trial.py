"""A trial as Ray Tune runs it: in Tune's own actor (inline), or by proxy on a long-lived worker group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.settings import Resources
from orchestrator.records import EpochReport
from orchestrator.runtime.layout import Layout, worker_needs
from orchestrator.store.messages import Message, MessageKind
from orchestrator.training.context import StopTrial
from orchestrator.training.work import StudyWork, TrialWork
from orchestrator.training.worker import GroupShape, WorkerGroups

if TYPE_CHECKING:
    import torch

Trainable = Callable[[dict[str, Any]], None]


def inline_trainable(study: StudyWork) -> Trainable:
    """One worker a trial: trains inside the Tune actor, which is reused from trial to trial."""

    def run(config: dict[str, Any]) -> None:
        from orchestrator.training.attempt import keep_result, run_attempt
        from orchestrator.training.sharing import study_dataset

        work = trial_work(config)
        message = run_attempt(study, work, InlineContext(study, work, tell=_report), dataset=study_dataset(study))
        if message is None:
            raise SystemExit  # as Tune stopped it: the report is already answered
        _report(keep_result(study, work, message))

    return run


def proxy_trainable(broker: Any) -> Trainable:
    """Several workers a trial: carries messages between a worker group and Tune; needs no CPU of its own."""

    def run(config: dict[str, Any]) -> None:
        import ray

        work = trial_work(config)
        ray.get(broker.submit.remote(work))
        while True:
            message: Message = ray.get(broker.poll.remote(work.token))
            try:
                _report(message)
            except BaseException:
                broker.answer.remote(work.token, go_on=False)
                raise
            if message.kind is not MessageKind.REPORT:
                return
            broker.answer.remote(work.token, go_on=True)

    return run


class InlineContext:
    """The training function's view of a process that trains alone: a Tune actor, or a task after the search."""

    rank = 0
    world_size = 1

    def __init__(self, study: StudyWork, work: TrialWork, *, tell: Callable[[Message], None]) -> None:
        from orchestrator.training.attempt import StopSignal

        self.seed = study.trial_seed(work)
        self.directory: Path = study.directory(work)
        self._stop = StopSignal(study)
        self._work = work
        self._tell = tell

    @property
    def device(self) -> torch.device:
        import torch

        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def report(self, report: EpochReport) -> None:
        """Raises StopTrial where Tune would end the thread by SystemExit, so that both engines stop alike."""
        try:
            self._tell(Message(trial=self._work.trial, token=self._work.token, kind=MessageKind.REPORT, report=report))
        except SystemExit as stop:
            raise StopTrial(by_driver=True) from stop

    def stop_requested(self, step: int) -> bool:
        return self._stop.check()


def trial_work(config: Mapping[str, Any]) -> TrialWork:
    """What the searcher put into Tune's config."""
    return TrialWork(trial=config["trial"], token=config["token"], architecture=config["architecture"])


def _report(message: Message) -> None:
    from ray import tune

    tune.report(message.to_tune())


@contextmanager
def worker_groups(study: StudyWork, layout: Layout, resources: Resources) -> Iterator[Any]:
    """The broker of a session's groups of workers, which live as long as the block."""
    shape = GroupShape(
        num_workers=resources.workers_per_trial,
        min_workers=resources.min_workers_per_trial,
        worker=worker_needs(resources),
    )
    groups = WorkerGroups.start(study, num_groups=layout.num_slots, shape=shape)
    try:
        yield groups.broker
    finally:
        groups.close()
