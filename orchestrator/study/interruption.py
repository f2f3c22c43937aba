"""Signals to the driver: SIGINT checkpoints and ends in order, SIGTERM and SIGHUP end at once, both resumable."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from orchestrator.errors import InterruptedStudyError
from orchestrator.runtime.supervisor import end_orphans, is_ignored

GRACE_S = 6.0
"""How long trials have to reach their next step and write a checkpoint."""


class Interruption:
    """Whether the study is to stop. While trials run, they are asked to; otherwise the driver stops where it is."""

    def __init__(self, stop_request: Path) -> None:
        """Takes the file that asks this session's workers to end."""
        self._stop_request = stop_request
        self._trials_run = False
        self.is_requested = False
        for earlier in stop_request.parent.glob("stop-*"):
            if earlier.name <= stop_request.name:  # its session was killed
                earlier.unlink(missing_ok=True)

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Handles SIGINT, SIGTERM and SIGHUP inside the block; outside of the main thread it changes nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
        before = {number: signal.getsignal(number) for number in numbers}
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(signal.SIGTERM, _leave)
        if not is_ignored(signal.SIGHUP):
            signal.signal(signal.SIGHUP, _leave)
        signal.signal(signal.SIGALRM, _give_up)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._stop_request.unlink(missing_ok=True)

    @contextmanager
    def while_trials_run(self) -> Iterator[None]:
        """Inside the block an interrupt asks the trials to checkpoint and lets the block end by itself."""
        self._trials_run = True
        try:
            yield
        finally:
            self._trials_run = False

    @contextmanager
    def while_finalists_train(self) -> Iterator[None]:
        """The same after the search; an interrupt leaves the block as an error, whether or not they have all ended."""
        with self.while_trials_run():
            yield
        if self.is_requested:
            raise InterruptedStudyError("interrupted; trainings go on from their last checkpoints")

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self.is_requested = True
        if not self._trials_run:
            raise InterruptedStudyError("interrupted")
        with contextlib.suppress(OSError):  # a full disk: workers are not asked, and go on from their last epoch
            self._stop_request.touch()
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)


def _leave(number: int, frame: FrameType | None) -> None:
    """What is committed is safe, what is not never happened; the supervisor ends the rest, where there still is one."""
    end_orphans()
    os._exit(InterruptedStudyError.exit_code)


def _give_up(number: int, frame: FrameType | None) -> None:
    raise InterruptedStudyError("interrupted; trials that had not reached a checkpoint go on from the one before")
