"""Cores and threads of the measuring process: as many of both as compute, and first in the queue for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

# What counts threads where numpy, torch and onnxruntime are first imported.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_FIRST_IN_THE_QUEUE = -20


def thread_environment(num_threads: int) -> Mapping[str, str]:
    """Environment variables for the measuring process."""
    return dict.fromkeys(_THREAD_VARIABLES, str(num_threads))


def settle(num_threads: int) -> None:
    """Keeps every thread of this process on as many cores as compute, ahead of others where the system allows that."""
    if not hasattr(os, "sched_setaffinity"):  # Linux only
        return
    cores = sorted(os.sched_getaffinity(0))[-num_threads:]  # interrupts go to the first
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
        with contextlib.suppress(PermissionError):  # for administrators, as a container's user often is
            os.setpriority(os.PRIO_PROCESS, int(thread.name), _FIRST_IN_THE_QUEUE)
