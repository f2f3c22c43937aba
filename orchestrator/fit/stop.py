"""The step before which all ranks of a training checkpoint and end, agreed on without a message."""

from __future__ import annotations

import ctypes
from multiprocessing.context import BaseContext


class StopPoint:
    """Shared by the process that hears the signal and the ranks, over memory and without locks.

    A signal handler may call ``request`` whatever it interrupts.
    """

    def __init__(self, context: BaseContext) -> None:
        self._is_requested = context.RawValue(ctypes.c_bool)
        self._step = context.RawValue(ctypes.c_int64, -1)

    def request(self) -> None:
        self._is_requested.value = True

    @property
    def is_requested(self) -> bool:
        return bool(self._is_requested.value)

    def is_reached(self, step: int, *, rank: int, world_size: int) -> bool:
        """Asked by every rank before each step, in order; all get the same answers.

        The first rank names the step after this one, because others may have looked before it named any. None of them
        gets past the exchange of this step before the first rank, so all see the name in time.
        """
        if rank == 0 and self._is_requested.value and self._step.value < 0:
            self._step.value = step + (world_size > 1)
        return 0 <= self._step.value <= step
