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


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSplits:
    """The splits that a data set comes with, as images of each class; ``train`` is all that is left to be split.

    A set that comes with validation images comes with test images, too.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...] | None = None
    test: tuple[int, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in ("validation", "test") if getattr(self, name) is not None)

    @property
    def of_class(self) -> tuple[int, ...]:
        """Images of each class over all splits."""
        none = (0,) * len(self.train)
        return tuple(map(sum, zip(self.train, self.validation or none, self.test or none, strict=True)))


def count_splits(
    class_names: Sequence[str], num_images: Sequence[int] | OwnSplits, settings: DataSettings
) -> tuple[SplitCounts, ...]:
    """Divides each class; shares are rounded to whole images, and training gets the rest.

    Args:
        class_names: in the order of the labels.
        num_images: of each class; where the data come with splits of their own, these stay as they are.

    Raises:
        BadInputError: a class would have no image in one of the splits.
    """
    own = num_images if isinstance(num_images, OwnSplits) else OwnSplits(train=tuple(num_images))
    counts = tuple(_count(own, label, settings) for label in range(len(own.train)))
    problems = [
        problem
        for label, (name, count) in enumerate(zip(class_names, counts, strict=True))
        if (problem := _problem(name, count, own, total=own.train[label], settings=settings))
    ]
    if problems:
        others = len(problems) - 1
        more = f" (and {others} more class{'es' if others > 1 else ''})" if others else ""
        raise BadInputError(f"{problems[0]}{more}", hint="add images to the class, leave it out, or change the share")
    return counts


def divide(labels: Sequence[int], own: OwnSplits, counts: Sequence[SplitCounts], *, seed: int) -> SplitIndices:
    """Indices of each split of images that lie in the order train, validation, test."""
    num_train, num_validation = sum(own.train), sum(own.validation or ())
    to_draw = [
        SplitCounts(
            train=count.train,
            validation=0 if own.validation is not None else count.validation,
            test=0 if own.test is not None else count.test,
        )
        for count in counts
    ]
    drawn = split_indices(labels[:num_train], to_draw, seed=seed)
    ends = num_train + num_validation, len(labels)
    return SplitIndices(
        train=drawn.train,
        validation=drawn.validation if own.validation is None else tuple(range(num_train, ends[0])),
        test=drawn.test if own.test is None else tuple(range(*ends)),
    )


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


def _count(own: OwnSplits, label: int, settings: DataSettings) -> SplitCounts:
    total = own.train[label]
    carved_validation = 0 if own.validation is not None else math.floor(total * settings.validation_share + 0.5)
    carved_test = 0 if own.test is not None else math.floor(total * settings.test_share + 0.5)
    return SplitCounts(
        train=total - carved_validation - carved_test,
        validation=carved_validation if own.validation is None else own.validation[label],
        test=carved_test if own.test is None else own.test[label],
    )


def _problem(name: str, count: SplitCounts, own: OwnSplits, *, total: int, settings: DataSettings) -> str:
    images = f"class '{name}' has {total} image{'s' if total != 1 else ''}"
    if count.validation < 1:
        return _missing(name, images, "validation", share=None if own.validation else settings.validation_share)
    if count.test < 1:
        return _missing(name, images, "test", share=None if own.test else settings.test_share)
    if count.train < 1:
        taken = " and ".join(split for split in ("validation", "test") if split not in own.names) or "the other splits"
        return f"{images}, {taken} leave{'s' if taken == 'validation' else ''} none for training"
    return ""


def _missing(name: str, images: str, split: str, *, share: float | None) -> str:
    if share is None:
        return f"class '{name}' has no images in the {split} split that the data come with"
    return f"{images}, a {_percent(share)} split leaves none for {'the test' if split == 'test' else split}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
