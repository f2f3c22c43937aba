"""Clocks and counters that a repetition is read from: the processor's, or a GPU's own events."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.measure.conditions import CUDA, Setup
from orchestrator.measure.protocol import Reading, Run, Timer

if TYPE_CHECKING:
    import torch


def timer_of(setup: Setup) -> Timer:
    """What times networks on the setup's device."""
    if setup.device == CUDA:
        return cuda_timer()
    return thread_timer() if setup.num_threads == 1 else process_timer()


def thread_timer() -> Timer:
    """Counters of the calling thread, where no other one computes; its own clock stands still while it waits."""
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # the former exists on Linux only

    def read(run: Run) -> Reading:
        before = resource.getrusage(who)
        own_s, start_s = time.thread_time(), time.perf_counter()
        run()
        duration_s = time.perf_counter() - start_s
        lost_s = duration_s - (time.thread_time() - own_s)
        return _reading(before, resource.getrusage(who), duration_s * 1e3, lost_ms=max(0.0, lost_s) * 1e3)

    return Timer(now_s=time.perf_counter, read=read)


def process_timer() -> Timer:
    """Counters of all threads; how long one of them was away can't be told."""

    def read(run: Run) -> Reading:
        before = resource.getrusage(resource.RUSAGE_SELF)
        start_s = time.perf_counter()
        run()
        duration_ms = (time.perf_counter() - start_s) * 1e3
        return _reading(before, resource.getrusage(resource.RUSAGE_SELF), duration_ms)

    return Timer(now_s=time.perf_counter, read=read)


def cuda_timer() -> Timer:
    """Events on the GPU's own clock, around all that a network has it do, launches that it waits for included."""
    import torch

    new_event: Callable[..., torch.cuda.Event] = torch.cuda.Event  # torch's own has no annotations
    start, end = new_event(enable_timing=True), new_event(enable_timing=True)

    def read(run: Run) -> Reading:
        before = resource.getrusage(resource.RUSAGE_SELF)
        torch.cuda.synchronize()
        start.record()
        run()
        end.record()
        end.synchronize()
        return _reading(before, resource.getrusage(resource.RUSAGE_SELF), _elapsed_ms(start, end))

    return Timer(now_s=time.perf_counter, read=read)


def _elapsed_ms(start: torch.cuda.Event, end: torch.cuda.Event) -> float:
    return float(start.elapsed_time(end))


def _reading(
    before: resource.struct_rusage,
    after: resource.struct_rusage,
    duration_ms: float,
    *,
    lost_ms: float | None = None,
) -> Reading:
    return Reading(
        duration_ms=duration_ms,
        lost_ms=lost_ms,
        num_interruptions=after.ru_nivcsw - before.ru_nivcsw,
        num_page_faults=after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt,
    )
