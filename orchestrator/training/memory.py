"""Out of memory is information: a step is done in so many parts that each fits."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from orchestrator.records import Cause
from orchestrator.training.context import TrialFailure
from orchestrator.training.ranks import Ranks

logger = logging.getLogger(__name__)

_MIN_PART = 2
"""Images that batch norm needs to normalise by."""
_ASKED_FOR = re.compile(r"tried to allocate ([\d.]+ \w+)", re.IGNORECASE)
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def fitting_num_parts(
    attempt: Callable[[int], None],
    *,
    num_parts: int,
    shard_size: int,
    ranks: Ranks,
    predict: Callable[[int], int] = lambda _num_images: 0,
    recompute: Callable[[], bool] = lambda: False,
) -> int:
    """In how many parts a step has to be done, doubling ``num_parts`` until ``attempt`` fits on every rank.

    Args:
        attempt: does the largest part of a step without talking to other ranks; runs out of memory or does not.
        shard_size: images of a step on the rank that has the fewest.
        predict: bytes that a part of so many images needs; parts that can't fit are not tried.
        recompute: makes the network keep less for the backward pass, and says whether it can; the last resort.

    Raises:
        TrialFailure: not even parts of two images fit.
    """
    memory_bytes = device_bytes(ranks.device)

    def is_hopeless(num_parts: int) -> bool:
        return predict(-(-shard_size // num_parts)) > memory_bytes

    while _can_halve(num_parts, shard_size) and ranks.any(flag=is_hopeless(num_parts)):
        num_parts *= 2
    while True:
        shortage = _shortage(attempt, num_parts)
        if not ranks.any(flag=shortage is not None):
            return num_parts
        if _can_halve(num_parts, shard_size):
            num_parts *= 2
            num_images = shard_size // num_parts
            logger.warning("out of memory: each step is done in %d parts of %d images", num_parts, num_images)
        elif recompute():
            logger.warning("out of memory: activations are computed again in the backward pass")
            recompute = _never
        else:
            raise TrialFailure(Cause.OUT_OF_MEMORY, _refusal(shard_size // num_parts, predict, shortage or ""))


def device_bytes(device: torch.device) -> int:
    """Memory of the GPU, or of this machine or container; what others use of it is not looked at.

    How a step is done must not depend on what happens to run beside it.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    total_bytes: int = psutil.virtual_memory().total
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.exists() else "max"
    return min(total_bytes, int(limit)) if limit.isdecimal() else total_bytes


@contextmanager
def memory_failure() -> Iterator[None]:
    """Turns memory that runs out into the trial's failure."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise TrialFailure(Cause.OUT_OF_MEMORY, str(error).partition("\n")[0]) from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an allocator of torch found no memory; the CPU's has no error class of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _never() -> bool:
    return False


def _can_halve(num_parts: int, shard_size: int) -> bool:
    return shard_size // (2 * num_parts) >= _MIN_PART


def _shortage(attempt: Callable[[int], None], num_parts: int) -> str | None:
    """What the allocator said when memory ran out; None where the attempt fits."""
    try:
        attempt(num_parts)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        message = str(error)
    else:
        return None
    # Out of the handler: the traceback held the tensors of the attempt.
    torch.cuda.empty_cache()
    return message


def _refusal(num_images: int, predict: Callable[[int], int], shortage: str) -> str:
    words = [f"no memory for a step in parts of {num_images} images"]
    if predicted_bytes := predict(num_images):
        words.append(f"its activations need about {predicted_bytes:,} bytes")
    if asked_for := _ASKED_FOR.search(shortage):
        words.append(f"{asked_for[1]} were asked for and not there")
    return "; ".join(words)
