"""What a data set holds, found out without decoding an image and, but for Parquet, without any framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.config.settings import DataSettings
from orchestrator.data.listing import list_folder
from orchestrator.data.published import PUBLISHED
from orchestrator.data.splits import OwnSplits, SplitCounts, count_splits
from orchestrator.errors import BadInputError
from search_spaces.architecture import Task
from search_spaces.errors import did_you_mean

DIGITS = "digits"
FOLDER = "folder"
PARQUET = "parquet"
SYNTHETIC = "synthetic"
DATA_NAMES = (DIGITS, *PUBLISHED, FOLDER, PARQUET, SYNTHETIC)

DIGITS_TASK = Task(in_channels=1, num_classes=10, image_size=8)
DIGITS_CLASS_NAMES = tuple("0123456789")
DIGITS_NUM_IMAGES = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each class in scikit-learn's digits; 1,797 in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSummary:
    """A data set without its images; the counts are exact where no image is corrupt.

    Attributes:
        own_splits: the splits, of "validation" and "test", that the data come with.
        counts: of each class.
    """

    task: Task
    class_names: tuple[str, ...]
    own_splits: tuple[str, ...]
    counts: tuple[SplitCounts, ...]

    @property
    def num_train(self) -> int:
        return sum(count.train for count in self.counts)

    @property
    def num_validation(self) -> int:
        return sum(count.validation for count in self.counts)

    @property
    def num_test(self) -> int:
        return sum(count.test for count in self.counts)


def inspect(settings: DataSettings) -> DataSummary:
    """Says what ``load`` would load; published sets are known whether or not their files are there.

    Raises:
        BadInputError: the name is unknown, the folder can't be used, or a class would be missing in a split.
    """
    if settings.name == DIGITS:
        return _summary(DIGITS_TASK, DIGITS_CLASS_NAMES, OwnSplits(train=DIGITS_NUM_IMAGES), settings)
    class_names, own_splits = _classes(settings)
    return _summary(task_of(settings, class_names), class_names, own_splits, settings)


def task_of(settings: DataSettings, class_names: Sequence[str]) -> Task:
    """Images are in colour, whatever their files hold, but for published sets that are grey."""
    in_channels = PUBLISHED[settings.name].in_channels if settings.name in PUBLISHED else 3
    return Task(in_channels=in_channels, num_classes=len(class_names), image_size=settings.image_size)


def synthetic_counts(settings: DataSettings) -> tuple[int, ...]:
    """Made-up images of each class; image k is of class k modulo the number of classes."""
    share, more = divmod(settings.num_images, settings.num_classes)
    return tuple(share + (label < more) for label in range(settings.num_classes))


def unknown_name(settings: DataSettings) -> BadInputError:
    return BadInputError(f'no data set is called "{settings.name}"', hint=did_you_mean(settings.name, DATA_NAMES))


def _classes(settings: DataSettings) -> tuple[tuple[str, ...], OwnSplits]:
    if settings.name in PUBLISHED:
        published = PUBLISHED[settings.name]
        return published.class_names, published.own_splits
    if settings.name == FOLDER:
        listing = list_folder(settings.path)
        return listing.class_names, listing.own_splits
    if settings.name == PARQUET:
        from orchestrator.data.shards import list_shards

        shards = list_shards(settings.path)
        return shards.class_names, shards.own_splits
    if settings.name == SYNTHETIC:
        counts = synthetic_counts(settings)
        return tuple(str(label) for label in range(len(counts))), OwnSplits(train=counts)
    raise unknown_name(settings)


def _summary(task: Task, class_names: Sequence[str], own_splits: OwnSplits, settings: DataSettings) -> DataSummary:
    return DataSummary(
        task=task,
        class_names=tuple(class_names),
        own_splits=own_splits.names,
        counts=count_splits(class_names, own_splits, settings),
    )
