"""Networks as they are timed: built and run once by their runtime, then measured on cores of their own."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.clocks import timer_of
from orchestrator.measure.conditions import Setup
from orchestrator.measure.cores import settle
from orchestrator.measure.estimate import Estimate
from orchestrator.measure.protocol import Run, Schedule, Session

_SEED = 0


class Bench:
    """Networks that are built and run once, and wait for the machine to be free.

    The reference network stays the same for all that are built after one another.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._runs: list[Run] = []
        self._reference: Run | None = None

    def build(self, networks: Sequence[Mapping[str, Any] | Path]) -> None:
        """Makes these networks the ones that are measured next."""
        self._runs, reference = _runs(networks, self._setup)
        self._reference = self._reference or reference

    def measure(
        self, *, time_limit_s: float, min_rounds: int, reference_ms: float | None = None
    ) -> tuple[tuple[Estimate, ...], float]:
        """Times every network, in the order given; nothing else should run meanwhile.

        Args:
            reference_ms: what the reference network took at full speed in an earlier measurement of this machine, so
                that this one stands at the same level.

        Returns:
            The estimates, and the same of the reference network as it is known now.
        """
        assert self._reference is not None, "networks are built before they are measured"
        settle(self._setup.num_threads)
        schedule = Schedule(time_limit_s=time_limit_s, min_rounds=min_rounds, seed=_SEED)
        known_ms = math.inf if reference_ms is None else reference_ms
        session = Session(
            self._runs, self._reference, timer=timer_of(self._setup), schedule=schedule, baseline_ms=known_ms
        )
        gc.collect()
        gc.disable()
        try:
            with _context(self._setup.runtime):
                estimates = session.estimates()
        finally:
            gc.enable()
        return estimates, session.baseline_ms


def _runs(networks: Sequence[Mapping[str, Any] | Path], setup: Setup) -> tuple[list[Run], Run]:
    if setup.runtime is Runtime.ONNXRUNTIME:
        from orchestrator.measure.onnx_networks import onnx_runs

        return onnx_runs(networks, setup)
    from orchestrator.measure.torch_networks import torch_runs

    return torch_runs([network for network in networks if not isinstance(network, Path)], setup)


def _context(runtime: Runtime) -> contextlib.AbstractContextManager[object]:
    if runtime is Runtime.ONNXRUNTIME:
        return contextlib.nullcontext()
    from orchestrator.measure.torch_networks import inference

    return inference()
