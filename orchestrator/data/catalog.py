"""What a data set holds, found out in milliseconds: no image is decoded and no framework imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.config.settings import DataSettings
from orchestrator.data.listing import list_folder
from orchestrator.data.splits import count_splits
from orchestrator.errors import BadInputError
from search_spaces.architecture import Task
from search_spaces.errors import did_you_mean

DIGITS = "digits"
FOLDER = "folder"
DATA_NAMES = (DIGITS, FOLDER)

DIGITS_TASK = Task(in_channels=1, num_classes=10, image_size=8)
DIGITS_CLASS_NAMES = tuple("0123456789")
DIGITS_NUM_IMAGES = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each class in scikit-learn's digits; 1,797 in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSummary:
    """A data set without its images; the counts are exact."""

    task: Task
    class_names: tuple[str, ...]
    num_train: int
    num_validation: int
    num_test: int


def inspect(settings: DataSettings) -> DataSummary:
    """Says what ``load`` would load.

    Raises:
        BadInputError: the name is unknown, the folder can't be used, or a class would be missing in a split.
    """
    if settings.name == DIGITS:
        return _summary(DIGITS_TASK, DIGITS_CLASS_NAMES, DIGITS_NUM_IMAGES, settings)
    if settings.name == FOLDER:
        listing = list_folder(settings.path)
        return _summary(folder_task(settings, listing.class_names), listing.class_names, listing.num_images, settings)
    raise unknown_name(settings)


def folder_task(settings: DataSettings, class_names: Sequence[str]) -> Task:
    """Images of a folder are in colour, whatever their files hold."""
    return Task(in_channels=3, num_classes=len(class_names), image_size=settings.image_size)


def unknown_name(settings: DataSettings) -> BadInputError:
    return BadInputError(f'no data set is called "{settings.name}"', hint=did_you_mean(settings.name, DATA_NAMES))


def _summary(task: Task, class_names: Sequence[str], num_images: Sequence[int], settings: DataSettings) -> DataSummary:
    counts = count_splits(class_names, num_images, settings)
    return DataSummary(
        task=task,
        class_names=tuple(class_names),
        num_train=sum(count.train for count in counts),
        num_validation=sum(count.validation for count in counts),
        num_test=sum(count.test for count in counts),
    )
