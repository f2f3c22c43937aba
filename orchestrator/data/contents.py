"""All images of a data set before they are split: where they come from, their labels, how they are resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import (
    DIGITS,
    DIGITS_CLASS_NAMES,
    DIGITS_NUM_IMAGES,
    DIGITS_TASK,
    FOLDER,
    PARQUET,
    SYNTHETIC,
    synthetic_counts,
    task_of,
    unknown_name,
)
from orchestrator.data.decoding import Resize
from orchestrator.data.digits import load_digits
from orchestrator.data.encoded import EncodedSplit
from orchestrator.data.listing import list_folder
from orchestrator.data.order import Blocks
from orchestrator.data.published import PUBLISHED
from orchestrator.data.shard_source import ShardSource
from orchestrator.data.shards import list_shards
from orchestrator.data.source import FileSource, ImageSource, PixelSource
from orchestrator.data.splits import OwnSplits
from orchestrator.data.synthetic import SyntheticSource
from orchestrator.data.torchvision_sets import load_published
from search_spaces.architecture import Task


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Contents:
    """Images in the order train, validation, test, as far as the data come with such splits."""

    task: Task
    class_names: tuple[str, ...]
    source: ImageSource
    labels_N: Tensor
    own_splits: OwnSplits
    center_crop: float = 1.0
    blocks: Blocks | None = None

    @property
    def resize(self) -> Resize:
        return Resize(in_channels=self.task.in_channels, image_size=self.task.image_size, center_crop=self.center_crop)

    def split(self, indices: Sequence[int], *, skips_corrupt: bool = False) -> EncodedSplit:
        """Some of the images, by their indices in ascending order."""
        indices_N = torch.tensor(indices, dtype=torch.int64)
        return EncodedSplit(
            source=self.source,
            indices_N=indices_N,
            labels_N=self.labels_N[indices_N],
            resize=self.resize,
            blocks=self.blocks.of(indices) if self.blocks else None,
            skips_corrupt=skips_corrupt,
        )


def read_contents(settings: DataSettings) -> Contents:
    """Finds the images of a data set, and decodes none.

    Raises:
        BadInputError: as ``catalog.inspect``, or the files of a published set are not there.
    """
    if settings.name == DIGITS:
        images_NCHW, labels_N = load_digits()
        return Contents(
            task=DIGITS_TASK,
            class_names=DIGITS_CLASS_NAMES,
            source=PixelSource(images_NCHW=images_NCHW, title=DIGITS),
            labels_N=labels_N,
            own_splits=OwnSplits(train=DIGITS_NUM_IMAGES),
        )
    if settings.name in PUBLISHED:
        return _published(settings)
    if settings.name == FOLDER:
        return _folder(settings)
    if settings.name == PARQUET:
        return _parquet(settings)
    if settings.name == SYNTHETIC:
        return _synthetic(settings)
    raise unknown_name(settings)


def _published(settings: DataSettings) -> Contents:
    published = PUBLISHED[settings.name]
    images_NCHW, labels_N = load_published(settings.name, settings.path)
    return Contents(
        task=task_of(settings, published.class_names),
        class_names=published.class_names,
        source=PixelSource(images_NCHW=images_NCHW, title=settings.name),
        labels_N=labels_N,
        own_splits=published.own_splits,
        center_crop=settings.center_crop,
    )


def _folder(settings: DataSettings) -> Contents:
    listing = list_folder(settings.path)
    paths, labels = zip(*listing.labelled(), strict=True)
    return Contents(
        task=task_of(settings, listing.class_names),
        class_names=listing.class_names,
        source=FileSource(root=listing.root, paths=paths),
        labels_N=torch.tensor(labels),
        own_splits=listing.own_splits,
        center_crop=settings.center_crop,
    )


def _parquet(settings: DataSettings) -> Contents:
    listing = list_shards(settings.path)
    source = ShardSource(listing)
    return Contents(
        task=task_of(settings, listing.class_names),
        class_names=listing.class_names,
        source=source,
        labels_N=torch.tensor(listing.labels),
        own_splits=listing.own_splits,
        center_crop=settings.center_crop,
        blocks=source.blocks,
    )


def _synthetic(settings: DataSettings) -> Contents:
    counts = synthetic_counts(settings)
    class_names = tuple(str(label) for label in range(settings.num_classes))
    return Contents(
        task=task_of(settings, class_names),
        class_names=class_names,
        source=SyntheticSource(image_size=settings.image_size, num_classes=settings.num_classes),
        labels_N=torch.arange(settings.num_images) % settings.num_classes,
        own_splits=OwnSplits(train=counts),
    )
