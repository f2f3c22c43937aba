"""Reads the batches of the next steps in a thread while a step is trained."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")

NUM_AHEAD = 2
"""Steps that are read before they are asked for; the images of each are decoded by threads of the split's own."""


class Ahead(Generic[Batch]):
    """The batch of any step; those of the steps behind it are being read from then on."""

    def __init__(self, read: Callable[[int], Batch], *, num_steps: int) -> None:
        self._read = read
        self._num_steps = num_steps
        self._batches: dict[int, Future[Batch]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")

    def __call__(self, step: int) -> Batch:
        """Raises what reading the step raised."""
        wanted = range(step, max(step + 1, min(step + 1 + NUM_AHEAD, self._num_steps)))
        for other in [other for other in self._batches if other not in wanted]:
            self._batches.pop(other).cancel()
        for one in wanted:
            if one not in self._batches:
                self._batches[one] = self._thread.submit(self._read, one)
        return self._batches.pop(step).result()
