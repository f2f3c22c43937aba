"""Which images are for training, for validation and for the test: stratified by class, chosen by the seed alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.config.settings import DataSettings
from orchestrator.errors import BadInputError


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitCounts:
    """How many images of one class each split gets."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitIndices:
    """Indices of images, ascending; every image is in exactly one split."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def count_splits(
    class_names: Sequence[str], num_images: Sequence[int], settings: DataSettings
) -> tuple[SplitCounts, ...]:
    """Divides each class; shares are rounded to whole images, and training gets the rest.

    Args:
        class_names: in the order of the labels.
        num_images: of each class.

    Raises:
        BadInputError: a class would have no image in one of the splits.
    """
    counts = tuple(_count(total, settings) for total in num_images)
    problems = [
        problem
        for name, total, count in zip(class_names, num_images, counts, strict=True)
        if (problem := _problem(name, total, count, settings))
    ]
    if problems:
        others = len(problems) - 1
        more = f" (and {others} more class{'es' if others > 1 else ''})" if others else ""
        raise BadInputError(f"{problems[0]}{more}", hint="add images to the class, leave it out, or change the share")
    return counts


def split_indices(labels: Sequence[int], counts: Sequence[SplitCounts], *, seed: int) -> SplitIndices:
    """Draws the images of each split, class by class."""
    # Only random() is promised to give equal numbers on every version of Python; shuffle() is not.
    rng = random.Random(f"split {seed}")
    by_class: list[list[int]] = [[] for _ in counts]
    for index, label in enumerate(labels):
        by_class[label].append(index)
    train: list[int] = []
    validation: list[int] = []
    test: list[int] = []
    for indices, count in zip(by_class, counts, strict=True):
        drawn = sorted(indices, key=lambda _: rng.random())
        test += drawn[: count.test]
        validation += drawn[count.test : count.test + count.validation]
        train += drawn[count.test + count.validation :]
    return SplitIndices(train=tuple(sorted(train)), validation=tuple(sorted(validation)), test=tuple(sorted(test)))


def _count(total: int, settings: DataSettings) -> SplitCounts:
    validation = math.floor(total * settings.validation_share + 0.5)
    test = math.floor(total * settings.test_share + 0.5)
    return SplitCounts(train=total - validation - test, validation=validation, test=test)


def _problem(name: str, total: int, count: SplitCounts, settings: DataSettings) -> str:
    images = f"class '{name}' has {total} image{'s' if total != 1 else ''}"
    if count.validation < 1:
        return f"{images}, a {_percent(settings.validation_share)} split leaves none for validation"
    if count.test < 1:
        return f"{images}, a {_percent(settings.test_share)} split leaves none for the test"
    if count.train < 1:
        return f"{images}, validation and test leave none for training"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
