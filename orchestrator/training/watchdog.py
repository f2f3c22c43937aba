"""Ends a worker in which training stands still, and leaves behind where it stood."""

from __future__ import annotations

import faulthandler
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.errors import StorageError
from orchestrator.records import EpochReport
from orchestrator.store.stacks import stack_file
from orchestrator.training.context import Context
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a worker may go without a sign of life.

    Attributes:
        least_s: at any rate.
        num_epochs: as long as so many epochs take.
        first_epoch_s: while no epoch says how long one takes.
    """

    least_s: float = 60.0
    num_epochs: float = 5.0
    first_epoch_s: float = 600.0

    def limit_s(self, epochs_s: list[float]) -> float:
        """After epochs that took so long."""
        if not epochs_s:
            return max(self.least_s, self.first_epoch_s)
        return max(self.least_s, self.num_epochs * statistics.median(epochs_s))


DEFAULT = Patience()


class Watchdog:
    """A context in whose block every batch, of training and of validation, is a sign of life.

    Without one for too long the process writes the stacks of all its threads and ends. That is done by a thread of
    ``faulthandler``'s in C: it works as well where a hanging extension holds the interpreter's lock, and it takes the
    whole process because nothing less ends a thread that hangs. To the driver it is a dead worker with a stack file.
    While the driver decides on a report, and while remote storage is waited for, nobody is hurried.
    """

    def __init__(self, context: Context, *, token: str, patience: Patience = DEFAULT) -> None:
        self._context = context
        self._path = stack_file(context.directory, token=token, rank=context.rank)
        self._patience = patience
        self._epochs_s: list[float] = []
        self._epoch_began = time.monotonic()
        self._has_stepped = False
        self._limit_s = patience.limit_s([])
        self._next_arming = 0.0

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        except OSError as error:
            raise StorageError(f"{self._path}: can't be written: {error.strerror}") from error
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._file.close()
        self._path.unlink(missing_ok=True)

    def build(self, architecture: Architecture) -> torch.nn.Module:
        """The network, whose every call from outside is a sign of life."""
        model = build_model(architecture)
        model.register_forward_pre_hook(lambda *_: self._live())
        return model

    @property
    def rank(self) -> int:
        return self._context.rank

    @property
    def world_size(self) -> int:
        return self._context.world_size

    @property
    def device(self) -> torch.device:
        return self._context.device

    @property
    def seed(self) -> int:
        return self._context.seed

    @property
    def directory(self) -> Path:
        return self._context.directory

    def stop_requested(self, step: int) -> bool:
        self._has_stepped = True
        self._live()
        return self._context.stop_requested(step)

    def report(self, report: EpochReport) -> None:
        if self._has_stepped:  # else it is the last report of an earlier attempt, told again
            self._epochs_s.append(time.monotonic() - self._epoch_began)
            self._limit_s = self._patience.limit_s(self._epochs_s)
        with self._at_rest():
            self._context.report(report)
        self._epoch_began, self._has_stepped = time.monotonic(), False

    def unhurried(self, publish: Callable[[Path], None]) -> Callable[[Path], None]:
        """The same, at rest: storage that is away is waited for longer than training may stand still."""

        def wait(folder: Path) -> None:
            with self._at_rest():
                publish(folder)

        return wait

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        faulthandler.cancel_dump_traceback_later()
        try:
            yield
        finally:
            self._arm()

    def _live(self) -> None:
        if time.monotonic() >= self._next_arming:
            self._arm()

    def _arm(self) -> None:
        """From now on; it takes 30 to 100 us, which once a second is nothing."""
        faulthandler.dump_traceback_later(self._limit_s, exit=True, file=self._file)
        self._next_arming = time.monotonic() + min(1.0, self._limit_s / 10)
