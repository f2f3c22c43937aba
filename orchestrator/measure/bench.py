"""Networks as they are timed: fresh weights, channels last, eager or folded, on cores of their own."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orchestrator.config.settings import LatencySettings, Runtime
from orchestrator.measure.estimate import Estimate
from orchestrator.measure.folding import fold_batch_norms
from orchestrator.measure.protocol import Run, Schedule, measure, system_timer
from orchestrator.records import LatencyConditions
from search_spaces.architecture import Task
from search_spaces.registry import architecture_from_dict, get_family

# Weights don't matter for the time, as long as they are no denormal numbers; those are flushed to zero below.
_SEED = 0
_REFERENCE_CHANNELS = 32
_REFERENCE_LAYERS = 6
_REFERENCE_SIZE = 16


class Bench:
    """The networks of one measurement, built and run once, waiting for the machine to be free."""

    def __init__(self, architectures: Sequence[Mapping[str, Any]], *, settings: LatencySettings, task: Task) -> None:
        torch.set_num_threads(settings.num_threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(_SEED)
        self._num_threads = settings.num_threads
        image_BCHW = torch.rand(settings.batch_size, task.in_channels, task.image_size, task.image_size)
        self._runs = [_run(_build(fields, settings.runtime), image_BCHW) for fields in architectures]
        self._reference = _run(*_reference())

    def measure(self, *, time_limit_s: float, min_rounds: int) -> tuple[Estimate, ...]:
        """Times every network, in the order given; nothing else should run meanwhile."""
        _pin(self._num_threads)
        timer = system_timer(num_threads=self._num_threads)
        schedule = Schedule(time_limit_s=time_limit_s, min_rounds=min_rounds, seed=_SEED)
        gc.collect()
        gc.disable()
        try:
            with torch.inference_mode():
                return measure(self._runs, self._reference, timer=timer, schedule=schedule)
        finally:
            gc.enable()


def conditions(settings: LatencySettings, task: Task) -> LatencyConditions:
    """Under which this machine's figures hold."""
    return LatencyConditions(
        device=f"cpu: {_cpu_name()}",
        num_threads=settings.num_threads,
        batch_size=settings.batch_size,
        input_shape=(task.in_channels, task.image_size, task.image_size),
        dtype="float32",
        runtime=settings.runtime.value,
        torch_version=torch.__version__,
    )


def _build(fields: Mapping[str, Any], runtime: Runtime) -> nn.Module:
    architecture = architecture_from_dict(fields)
    model = get_family(architecture.family).build(architecture).eval()
    return fold_batch_norms(model)[0] if runtime is Runtime.FOLDED else model


def _reference() -> tuple[nn.Module, torch.Tensor]:
    """The network that stands beside every candidate: the same in every study, half arithmetic, half calls."""
    channels = _REFERENCE_CHANNELS
    layers = [nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()) for _ in range(_REFERENCE_LAYERS)]
    return nn.Sequential(*layers).eval(), torch.rand(1, channels, _REFERENCE_SIZE, _REFERENCE_SIZE)


def _run(model: nn.Module, image_BCHW: torch.Tensor) -> Run:
    """One forward pass as a call; made once here, so that torch chooses its kernels before the clock runs."""
    # torch's stubs don't know memory_format as an argument of Module.to.
    to_channels_last: Callable[..., nn.Module] = model.to
    network = to_channels_last(memory_format=torch.channels_last)
    input_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        network(input_BCHW)
    return lambda: network(input_BCHW)


def _pin(num_threads: int) -> None:
    """Keeps every thread of this process on as many cores as compute; the last ones, for interrupts go to the first."""
    if not hasattr(os, "sched_setaffinity"):  # Linux only
        return
    cores = sorted(os.sched_getaffinity(0))[-num_threads:]
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
