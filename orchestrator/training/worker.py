"""Long-lived Ray Train worker groups: each serves trial after trial, so that a trial costs what its training costs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.records import EpochReport
from orchestrator.store.messages import Message, MessageKind
from orchestrator.store.paths import StudyPaths
from orchestrator.training.context import StopTrial
from orchestrator.training.work import StudyWork, TrialWork

if TYPE_CHECKING:
    import torch
    from ray.train.torch import TorchTrainer
    from torch.distributed import ProcessGroup

logger = logging.getLogger(__name__)

OUTCOME_TIMEOUT_S = 30.0
"""A rank that has failed waits so long for the others to have failed with it; then the group begins anew."""
FIRST_RANK_TIMEOUT_S = 600.0
"""The others wait so long for a message of rank 0, which itself may have to wait minutes for the driver or for remote
storage. If it dies they hear of it at once."""
MAX_STARTS = 3
"""A group whose controller died begins anew, so often in all."""
REGROW_S = 1800.0
"""A group that has lost workers looks this often for others; it takes them in by a restart, which costs its trial up to
an epoch and one of its attempts."""
STOP_CHECK_STEPS = 10
"""Ranks agree on a stop request every so many steps: one small broadcast costs 0.1-0.2 ms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupShape:
    """How many workers a group has and what each of them holds.

    Attributes:
        min_workers: with so many it goes on when others are lost; 0 means that it waits for all.
        worker: what each holds, in Ray's words.
    """

    num_workers: int
    min_workers: int = 0
    worker: Mapping[str, float]

    @property
    def has_gpu(self) -> bool:
        return self.worker.get("GPU", 0.0) > 0


class WorkerGroups:
    """All groups of a session, each kept by an actor of its own."""

    def __init__(self, broker: Any, keepers: list[Any], runs: list[Any]) -> None:
        self.broker = broker
        self._keepers = keepers
        self._runs = runs

    @classmethod
    def start(cls, study: StudyWork, *, num_groups: int, shape: GroupShape) -> WorkerGroups:
        """Returns at once; groups ask the broker for work when they are up."""
        import ray

        from orchestrator.training.broker import ON_HEAD, start_broker

        broker = start_broker(num_groups)
        keeper = ray.remote(num_cpus=0, resources=dict(ON_HEAD))(GroupKeeper)
        keepers = [keeper.remote() for _ in range(num_groups)]
        runs = [one.keep.remote(broker, group, study, shape) for group, one in enumerate(keepers)]
        return cls(broker, keepers, runs)

    def close(self, timeout_s: float = 30.0) -> None:
        """Ends all groups and waits until their CPUs are free."""
        import ray

        ray.get(self.broker.close.remote())
        ray.wait(self._runs, num_returns=len(self._runs), timeout=timeout_s)
        for actor in (*self._keepers, self.broker):
            ray.kill(actor)


class GroupKeeper:
    """Keeps one group; an actor, because Ray 2.60 aborts a driver that cancels a task just when it ends."""

    def keep(self, broker: Any, group: int, study: StudyWork, shape: GroupShape) -> None:
        keep_group(broker, group, study, shape)


def keep_group(broker: Any, group: int, study: StudyWork, shape: GroupShape) -> None:
    """Runs one group until it is closed; Train restarts it when a worker dies, this when Train's controller does."""
    import ray

    for start in range(1, MAX_STARTS + 1):
        try:
            _trainer(broker, group, study, shape, start=start).fit()
        except Exception as error:  # whatever ends a group for good must reach those who wait for it
            if not isinstance(error, ray.exceptions.RayActorError) or start == MAX_STARTS:
                ray.get(broker.group_failed.remote(group, f"worker group {group} ended: {error}"[:300]))
                raise
            logger.warning("worker group %d begins anew: its controller died", group)
        else:
            return


def _trainer(broker: Any, group: int, study: StudyWork, shape: GroupShape, *, start: int) -> TorchTrainer:
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    return TorchTrainer(
        serve,
        train_loop_config={"broker": broker, "group": group, "study": study},
        torch_config=TorchConfig(backend="nccl" if shape.has_gpu else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=(shape.min_workers, shape.num_workers) if shape.min_workers else shape.num_workers,
            use_gpu=shape.has_gpu,
            resources_per_worker=dict(shape.worker),
            elastic_resize_monitor_interval_s=REGROW_S,
        ),
        run_config=ray.train.RunConfig(
            name=f"group-{group}-{study.owner_epoch}-{start}",
            storage_path=str(StudyPaths(study.folder).scratch.absolute()),
            failure_config=ray.train.FailureConfig(max_failures=-1),
        ),
    )


def serve(config: dict[str, Any]) -> None:
    """The loop of every worker of a group: rank 0 fetches work, all ranks do it, all ranks agree on how it ended.

    A rank whose peers do not come to that agreement raises: Train then restarts the whole group.
    """
    import ray
    import ray.train

    from orchestrator.training.attempt import keep_result, run_attempt
    from orchestrator.training.reset import reset_global_state, warm_up
    from orchestrator.training.sharing import study_dataset

    broker, group, study = config["broker"], config["group"], config["study"]
    control = Control.open()
    reset_global_state(num_threads=study.num_threads, gpu_share=study.gpu_share)
    dataset = study_dataset(study)
    warm_up()
    while True:
        work = control.broadcast(ray.get(broker.next.remote(group)) if control.rank == 0 else None)
        if work == "close":
            return
        if work == "idle":
            continue
        context = GroupContext(study, work, broker=broker, control=control)
        message = run_attempt(study, work, context, dataset=dataset)
        if control.rank != 0 and message is not None and message.result is not None and message.result.cause:
            # Where the other ranks wait for this one in vain, the group dies: then this was why.
            broker.note.remote(work.token, f"rank {control.rank}: {message.result.message}")
        if control.rank == 0 and message is not None and message.detail:
            ray.get(broker.finish.remote(group, message))  # it can't write, and the others wait for it in vain
        agreed = _agreed(control.gather(message))
        if control.rank == 0:
            ray.get(broker.finish.remote(group, agreed and keep_result(study, work, agreed)))


def _agreed(outcomes: list[Message | None]) -> Message | None:
    """The outcome of all ranks: the first failure where there is one, else rank 0's."""
    ends = [outcome for outcome in outcomes if outcome is not None and outcome.result is not None]
    failures = [end for end in ends if end.result is not None and end.result.accuracy is None]
    return failures[0] if failures else outcomes[0]


class Control:
    """Small messages between the ranks of a group, over gloo and apart from the gradients."""

    def __init__(self, messages: ProcessGroup, outcomes: ProcessGroup, *, rank: int, world_size: int) -> None:
        self._messages = messages
        self._outcomes = outcomes
        self.rank = rank
        self.world_size = world_size

    @classmethod
    def open(cls) -> Control:
        """Called by all ranks of the default process group."""
        from torch import distributed

        messages, outcomes = _gloo_group(FIRST_RANK_TIMEOUT_S), _gloo_group(OUTCOME_TIMEOUT_S)
        return cls(messages, outcomes, rank=distributed.get_rank(), world_size=distributed.get_world_size())

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(values, src=0, group=self._messages)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, by rank, on every rank."""
        from torch import distributed

        values: list[Any] = [None] * self.world_size
        distributed.all_gather_object(values, value, group=self._outcomes)
        return values


def _gloo_group(timeout_s: float) -> ProcessGroup:
    from torch import distributed

    process_group = distributed.new_group(backend="gloo", timeout=timedelta(seconds=timeout_s))
    assert not isinstance(process_group, int)
    return process_group


class GroupContext:
    """The training function's view of a worker of a group."""

    def __init__(self, study: StudyWork, work: TrialWork, *, broker: Any, control: Control) -> None:
        from orchestrator.training.attempt import StopSignal

        self.rank = control.rank
        self.world_size = control.world_size
        self.seed = study.trial_seed(work)
        self.directory: Path = study.directory(work)
        self._work = work
        self._broker = broker
        self._control = control
        self._stop = StopSignal(study)

    @property
    def device(self) -> torch.device:
        import ray.train.torch

        device: torch.device = ray.train.torch.get_device()
        return device

    def report(self, report: EpochReport) -> None:
        """Rank 0 reports and waits for the decision; all ranks go on or stop together."""
        import ray

        message = Message(trial=self._work.trial, token=self._work.token, kind=MessageKind.REPORT, report=report)
        go_on = ray.get(self._broker.report.remote(message)) if self.rank == 0 else None
        if not self._control.broadcast(go_on):
            raise StopTrial(by_driver=True)

    def stop_requested(self, step: int) -> bool:
        if step % STOP_CHECK_STEPS:
            return False
        return bool(self._control.broadcast(self._stop.check() if self.rank == 0 else None))
