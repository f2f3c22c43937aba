"""What a trial may leave behind in a worker that outlives it, put back; and what the first trial would pay for."""

from __future__ import annotations

import ctypes
import gc
import importlib
import random

import torch
from torch import distributed, nn

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""As in glibc's malloc.h."""


def reset_global_state(*, num_threads: int, gpu_share: float = 1.0) -> None:
    """Makes the next trial independent of those before it in this process.

    Args:
        gpu_share: of the GPU's memory, where several processes share one.
    """
    gc.collect()
    torch.cuda.empty_cache()
    if gpu_share < 1 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(gpu_share)
    random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(num_threads)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.set_float32_matmul_precision("highest")
    if torch.are_deterministic_algorithms_enabled():  # the call imports torch._inductor
        torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.enabled = True
    # Trying algorithms out makes a resumed trial differ from an undisturbed one.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def warm_up() -> None:
    """Pays what the first training step of a process costs, before a trial's clock runs."""
    _keep_freed_memory()
    if distributed.is_available() and distributed.is_initialized():
        # 1.3 to 4 s, which the first DistributedDataParallel would spend.
        importlib.import_module("torch._dynamo")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    loss = nn.functional.cross_entropy(model(torch.zeros(2, 1, 4, 4)), torch.tensor([0, 1]))
    torch.autograd.backward(loss)


def _keep_freed_memory() -> None:
    """Lets glibc keep up to 256 MiB that are freed instead of asking the kernel for them again in every step.

    A step of a small densenet or mobilenet takes 5 to 7 % less time without those 600 to 2,800 page faults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
