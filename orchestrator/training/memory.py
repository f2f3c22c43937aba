"""Out of memory is information: a step is done in so many parts that each fits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from orchestrator.records import Cause
from orchestrator.training.context import TrialFailure
from orchestrator.training.ranks import Ranks

logger = logging.getLogger(__name__)

_MIN_PART = 2
"""Images that batch norm needs to normalise by."""


def fitting_num_parts(attempt: Callable[[int], None], *, num_parts: int, shard_size: int, ranks: Ranks) -> int:
    """In how many parts a step has to be done, doubling ``num_parts`` until ``attempt`` fits on every rank.

    Args:
        attempt: does the largest part of a step without talking to other ranks; runs out of memory or does not.
        shard_size: images of a step on the rank that has the fewest.

    Raises:
        TrialFailure: not even parts of two images fit.
    """
    while ranks.any(flag=not _fits(attempt, num_parts)):
        if shard_size // (2 * num_parts) < _MIN_PART:
            message = f"no memory for a step in parts of {shard_size // num_parts} images"
            raise TrialFailure(Cause.OUT_OF_MEMORY, message)
        num_parts *= 2
        logger.warning("out of memory: each step is done in %d parts of %d images", num_parts, shard_size // num_parts)
    return num_parts


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


def _fits(attempt: Callable[[int], None], num_parts: int) -> bool:
    try:
        attempt(num_parts)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    # Out of the handler: the traceback held the tensors of the attempt.
    torch.cuda.empty_cache()
    return False
