"""How well a validation accuracy is known: over further seeds where there are some, else by its number of images."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.records import TrialRecord

_Z_95 = 1.959964
# Two-sided 95 % points of Student's t for 1, 2, ... degrees of freedom; beyond them Cornish and Fisher's expansion is
# right to four digits, and needs no scipy.
_T_95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


class Basis(StrEnum):
    """What an interval is taken over."""

    SEEDS = "seeds"
    IMAGES = "images"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An accuracy and its 95 % interval.

    Attributes:
        count: of the seeds or of the images.
    """

    mean: float
    low: float
    high: float
    basis: Basis
    count: int


def accuracy_interval(record: TrialRecord, num_validation: int | None) -> Interval | None:
    """Student's interval over the further seeds, from two on; else Wilson's over the validation images.

    The search's own seed is not counted among the further ones: it was chosen because it did well.

    Args:
        num_validation: images of the split; None where nobody knows, and then there is no interval over them.
    """
    found = [one.accuracy for one in record.seeds if one.accuracy is not None]
    if len(found) > 1:
        return seeds_interval(found)
    share = found[0] if found else record.accuracy
    return None if share is None or not num_validation else images_interval(share, num_validation)


def is_too_close(record: TrialRecord, other: TrialRecord, num_validation: int | None) -> bool:
    """Whether the interval of the difference of two accuracies holds 0; False where an interval is not known.

    The limits of both intervals make that of the difference (MOVER: Zou and Donner 2008; of shares Newcombe 1998).
    """
    first, second = accuracy_interval(record, num_validation), accuracy_interval(other, num_validation)
    if first is None or second is None:
        return False
    upper, lower = (first, second) if first.mean >= second.mean else (second, first)
    return upper.mean - lower.mean <= math.hypot(upper.mean - upper.low, lower.high - lower.mean)


def seeds_interval(values: list[float]) -> Interval:
    """Of the mean of at least two accuracies, within [0, 1]."""
    mean, count = statistics.fmean(values), len(values)
    half_width = _t_95(count - 1) * statistics.stdev(values) / math.sqrt(count)
    low, high = max(0.0, mean - half_width), min(1.0, mean + half_width)
    return Interval(mean=mean, low=low, high=high, basis=Basis.SEEDS, count=count)


def images_interval(share: float, num_images: int) -> Interval:
    """Of a share of images (Wilson 1927), within [0, 1]."""
    z2 = _Z_95**2
    centre = (share + z2 / (2 * num_images)) / (1 + z2 / num_images)
    spread = share * (1 - share) / num_images + z2 / (4 * num_images**2)
    half_width = _Z_95 * math.sqrt(spread) / (1 + z2 / num_images)
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    return Interval(mean=share, low=min(low, share), high=max(high, share), basis=Basis.IMAGES, count=num_images)


def further_figures(record: TrialRecord) -> dict[str, float | None]:
    """What trainings after the search gave, by the names that tables and tracking know it by."""
    found = [one.accuracy for one in record.seeds if one.accuracy is not None]
    tests = [one.test_accuracy for one in record.seeds if one.test_accuracy is not None]
    over_seeds = seeds_interval(found) if len(found) > 1 else None
    retrained = record.retrained.test_score if record.retrained else None
    return {
        "seeds_accuracy": statistics.fmean(found) if found else None,
        "seeds_accuracy_low": over_seeds.low if over_seeds else None,
        "seeds_accuracy_high": over_seeds.high if over_seeds else None,
        "seeds_test_accuracy": statistics.fmean(tests) if tests else None,
        "retrained_test_accuracy": retrained.accuracy if retrained else None,
    }


def _t_95(degrees: int) -> float:
    if degrees <= len(_T_95):
        return _T_95[degrees - 1]
    z, n = _Z_95, degrees
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / n + second / n**2 + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
