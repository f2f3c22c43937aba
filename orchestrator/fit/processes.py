"""Several processes of this machine train one network; they talk over the loopback interface alone."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError
from orchestrator.fit.rank import RankWork, Trained, device_of, outcome_of
from orchestrator.fit.stop import StopPoint
from orchestrator.records import EpochReport
from orchestrator.training.ranks import Ranks

_GRACE_S = 5.0
"""How long ranks have to say how they ended after one of them has failed."""

Tell = Callable[[EpochReport], None]
Outcome = Trained | ArchfrontError


def new_stop_point() -> StopPoint:
    return StopPoint(multiprocessing.get_context("spawn"))


def check_devices(num_workers: int) -> None:
    """Refuses more workers than there are GPUs, where there are GPUs.

    Raises:
        BadInputError: two workers would share a GPU.
    """
    num_gpus = torch.cuda.device_count()
    if 0 < num_gpus < num_workers:
        raise BadInputError(
            f"--workers {num_workers}: each needs a GPU of its own, and this machine has {num_gpus}",
            hint=f"give --workers {num_gpus}, or hide the GPUs: CUDA_VISIBLE_DEVICES=",
        )


def train_alone(work: RankWork, stop: StopPoint, tell: Tell) -> Outcome:
    """One rank, in this process."""
    return outcome_of(work, Ranks(rank=0, world_size=1, device=device_of(0)), stop, tell)


def train_together(work: RankWork, stop: StopPoint, tell: Tell) -> Outcome:
    """As many ranks as the config asks for; what the first one gave, or the first failure."""
    with tempfile.TemporaryDirectory() as folder, _started(work, stop, Path(folder) / "meeting") as ranks:
        return _followed(ranks, tell)


@contextmanager
def _started(work: RankWork, stop: StopPoint, meeting: Path) -> Iterator[dict[Connection, SpawnProcess]]:
    """All ranks by the end of the pipe on which they are heard; none outlives the block."""
    context = multiprocessing.get_context("spawn")
    ranks: dict[Connection, SpawnProcess] = {}
    told = replace(work, parent=os.getpid())
    resource_tracker.ensure_running()  # where the first process starts it, it unblocks the signals that are blocked
    try:
        for rank in range(work.config.num_workers):
            heard, said = context.Pipe(duplex=False)
            process = context.Process(target=_run_rank, args=(rank, told, stop, said, meeting), name=f"rank {rank}")
            with _deaf_to_signals():
                process.start()
            said.close()  # so that the pipe ends when the process does
            ranks[heard] = process
        yield ranks
    finally:
        for heard, process in ranks.items():
            process.kill()
            process.join()
            heard.close()


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """What is started inside never hears them: a terminal sends them to all, and ranks end by the stop point."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_rank(rank: int, work: RankWork, stop: StopPoint, said: Connection, meeting: Path) -> None:
    """The whole life of one process; what it has to say, its parent prints."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    loopback = "lo" if sys.platform == "linux" else "lo0"
    os.environ.update(GLOO_SOCKET_IFNAME=loopback, NCCL_SOCKET_IFNAME=loopback)
    device, world_size = device_of(rank), work.config.num_workers
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, init_method=f"file://{meeting}", rank=rank, world_size=world_size)
    ranks = Ranks(rank=rank, world_size=world_size, device=device)
    said.send(outcome_of(work, ranks, stop, said.send))
    distributed.destroy_process_group()
    said.close()


def _followed(ranks: dict[Connection, SpawnProcess], tell: Tell) -> Outcome:
    """Passes reports on until every rank has ended, or some time after one has failed."""
    first, *_ = ranks
    outcomes: dict[Connection, Outcome] = {}
    deadline = None
    while waiting := [heard for heard in ranks if heard not in outcomes]:
        for heard in wait(waiting, None if deadline is None else max(0.0, deadline - time.monotonic())):
            assert isinstance(heard, Connection)
            message = _received(heard, ranks[heard])
            if isinstance(message, EpochReport):
                tell(message)
            else:
                outcomes[heard] = message
        failed = any(_is_failure(outcome) for outcome in outcomes.values())
        deadline = deadline or (time.monotonic() + _GRACE_S if failed else None)
        if deadline is not None and time.monotonic() >= deadline:
            break
    return next(filter(_is_failure, _deaths_first(outcomes)), None) or outcomes[first]


def _received(heard: Connection, process: SpawnProcess) -> EpochReport | Outcome:
    """What a rank says; its death where it says no more."""
    try:
        message: EpochReport | Outcome = heard.recv()
    except EOFError:
        process.join()
        return _DiedError(f"the process of {process.name} died {_cause(process.exitcode)}")
    return message


class _DiedError(InterruptedStudyError):
    """A process that ended without a word; the others fail only because of it."""


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        hint = ", as the system does where memory is short" if -code == signal.SIGKILL else ""
        return f"of {signal.Signals(-code).name}{hint}"
    return f"with exit code {code}"


def _is_failure(outcome: Outcome) -> bool:
    """An interruption is none: ranks say it one after the other while the first one still writes its checkpoint."""
    if isinstance(outcome, InterruptedStudyError):
        return isinstance(outcome, _DiedError)
    return isinstance(outcome, ArchfrontError)


def _deaths_first(outcomes: dict[Connection, Outcome]) -> list[Outcome]:
    return sorted(outcomes.values(), key=lambda outcome: not isinstance(outcome, _DiedError))
