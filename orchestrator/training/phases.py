"""Where the time of an epoch goes, by a stopwatch that never waits for anything."""

from __future__ import annotations

import time
from typing import Literal, get_args

from orchestrator.records import Phases

Phase = Literal["data", "step", "validation", "checkpoint"]
"""What training does, one after the other; plain words, because an enum's member takes 0.1 us to be looked up."""

_PHASES: tuple[Phase, ...] = get_args(Phase)


class Stopwatch:
    """Adds up seconds by phase, each from the end of the one before it or from ``start``; a reading costs 0.15 us.

    A GPU is never waited for to read the clock. The host runs ahead of it: what the device still has to do is counted
    where the host waits for it anyway, which is where losses are looked at (in the step) and where a copy of pageable
    memory has its turn (in the data). So data is what preparing batches costs the host, and all of an epoch's steps are
    done when its validation begins.
    """

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_PHASES, 0.0)
        self._last = time.perf_counter()

    def start(self) -> None:
        """What passed since the last lap belongs to no phase, such as waiting for the driver's decision."""
        self._last = time.perf_counter()

    def lap(self, phase: Phase) -> None:
        """What passed since the last lap was this."""
        now = time.perf_counter()
        self._seconds[phase] += now - self._last
        self._last = now

    def phases(self, *, num_images: int) -> Phases:
        """All that was added up since the last reset, which so many images were trained on."""
        seconds = self._seconds
        return Phases(
            num_images=num_images,
            data_s=seconds["data"],
            step_s=seconds["step"],
            validation_s=seconds["validation"],
            checkpoint_s=seconds["checkpoint"],
        )

    def reset(self) -> None:
        """The next epoch begins."""
        self._seconds = dict.fromkeys(_PHASES, 0.0)
