"""From blocks of repetitions to a median with its interval: slow phases rejected, resampled by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_BLOCKS = 5
"""With fewer blocks an interval is not believed."""

CONTENDED_HALF_WIDTH = 0.05
"""A median that is still less certain than this share of itself says that something else was running."""

# Virtual cores switch between speeds 1.0 and 1.8 for seconds at a time, unseen by every counter. Over four sessions of
# 8 s with ten networks, rejecting slow phases brought the variation of their mean from 15.9 % to 2.3 %, and of their
# ratios from 3.3 % to 0.7 %.
_FAST_QUANTILE = 0.1
_SPEED_TOLERANCE = 0.2
_NUM_RESAMPLES = 400
# While the machine is slow, networks are not all slowed alike: ratios vary by 3.3 %, which no number of blocks shows.
_CORRECTION_ERROR = 0.066


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One visit to a candidate.

    Attributes:
        median_ms: over its undisturbed repetitions; over all of them where every one was disturbed.
        num_repetitions: the undisturbed ones.
        reference_ms: what the reference network took just before and just after.
    """

    median_ms: float
    num_repetitions: int
    reference_ms: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A median in milliseconds, at the machine's full speed, with its 95 % interval.

    Attributes:
        half_width: the longer side of the interval, relative to the median.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    num_repetitions: int
    half_width: float
    is_contended: bool


def full_speed_ms(reference_ms: Sequence[float]) -> float:
    """The reference network's time while the machine ran at full speed: the median of its fast blocks."""
    times_ms = np.asarray(reference_ms)
    fast_ms = times_ms[times_ms <= np.quantile(times_ms, _FAST_QUANTILE) * (1.0 + _SPEED_TOLERANCE)]
    return float(np.median(fast_ms))


def is_at_full_speed(reference_ms: float, baseline_ms: float) -> bool:
    """Whether the reference network took about as long as it does at full speed."""
    return abs(reference_ms - baseline_ms) <= _SPEED_TOLERANCE * baseline_ms


def estimate(blocks: Sequence[Block], *, baseline_ms: float, seed: int) -> Estimate:
    """The median of the blocks measured at full speed, each corrected for what the reference showed beside it.

    Where too few are left, all blocks count, the interval has room for what the correction may miss, and the estimate
    is marked as contended.

    Args:
        baseline_ms: the reference network's time at full speed.
    """
    kept = [block for block in blocks if _is_undisturbed(block, baseline_ms)]
    used = kept if len(kept) >= MIN_BLOCKS else list(blocks)
    corrected_ms = np.array([block.median_ms * baseline_ms / _mean(block.reference_ms) for block in used])
    median_ms = float(np.median(corrected_ms))
    low_ms, high_ms = _bootstrap_interval(corrected_ms, seed)
    if used is not kept:
        low_ms, high_ms = (1.0 - _CORRECTION_ERROR) * low_ms, (1.0 + _CORRECTION_ERROR) * high_ms
    half_width = max(high_ms - median_ms, median_ms - low_ms) / median_ms
    return Estimate(
        median_ms=median_ms,
        low_ms=min(low_ms, median_ms),
        high_ms=max(high_ms, median_ms),
        num_repetitions=sum(block.num_repetitions for block in used),
        half_width=half_width,
        is_contended=len(kept) < MIN_BLOCKS or half_width > CONTENDED_HALF_WIDTH,
    )


def _is_undisturbed(block: Block, baseline_ms: float) -> bool:
    if block.num_repetitions == 0:
        return False
    before_ms, after_ms = block.reference_ms
    here_ms = _mean(block.reference_ms)
    is_steady = abs(after_ms - before_ms) <= _SPEED_TOLERANCE * here_ms
    return is_steady and is_at_full_speed(here_ms, baseline_ms)


def _mean(pair: tuple[float, float]) -> float:
    return (pair[0] + pair[1]) / 2.0


def _bootstrap_interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """The 95 % percentile interval of the median; blocks are resampled, because repetitions within one are alike."""
    picks = np.random.default_rng(seed).integers(0, len(values), size=(_NUM_RESAMPLES, len(values)))
    low, high = np.quantile(np.median(values[picks], axis=1), (0.025, 0.975))
    return float(low), float(high)
