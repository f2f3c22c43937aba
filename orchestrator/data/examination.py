"""A look at every image of a data set: sizes, images that can't be decoded, how evenly classes are filled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from orchestrator.config.settings import DataSettings
from orchestrator.data.contents import Contents
from orchestrator.data.decoding import CorruptImageError
from orchestrator.data.encoded import decoding_threads
from orchestrator.data.splits import SplitCounts, count_splits
from orchestrator.errors import BadInputError

_IMAGES_PER_TASK = 16

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """What was found.

    Attributes:
        num_images: of each class, corrupt ones included.
        counts: of each class in each split; empty where a class would be missing in one.
        refusal: why ``counts`` is empty.
        sizes: how many images have each size.
        corrupt: name and reason of each image that can't be decoded.
    """

    class_names: tuple[str, ...]
    own_splits: tuple[str, ...]
    num_images: tuple[int, ...]
    counts: tuple[SplitCounts, ...]
    refusal: str
    sizes: Counter[Size]
    corrupt: tuple[str, ...]

    @property
    def imbalance(self) -> float:
        """Images of the largest class for each one of the smallest; infinite where a class has none."""
        return max(self.num_images) / min(self.num_images) if min(self.num_images) else float("inf")

    @property
    def size_range(self) -> tuple[Size, Size] | None:
        """Least and greatest width and height; None where no image can be decoded."""
        if not self.sizes:
            return None
        widths, heights = zip(*self.sizes, strict=True)
        return (min(widths), min(heights)), (max(widths), max(heights))


def examine(
    contents: Contents, settings: DataSettings, *, on_progress: Callable[[int], None] = lambda _: None
) -> Examination:
    """Decodes every image once; ``on_progress`` hears how many were."""
    num_images = len(contents.labels_N)
    chunks = [
        range(start, min(start + _IMAGES_PER_TASK, num_images)) for start in range(0, num_images, _IMAGES_PER_TASK)
    ]
    sizes: Counter[Size] = Counter()
    corrupt: list[str] = []
    for of_chunk, texts in decoding_threads(torch.get_num_threads()).map(lambda rows: _look(contents, rows), chunks):
        sizes.update(of_chunk)
        corrupt += texts
        on_progress(sizes.total() + len(corrupt))
    counts, refusal = _counts(contents, settings)
    return Examination(
        class_names=contents.class_names,
        own_splits=contents.own_splits.names,
        num_images=contents.own_splits.of_class,
        counts=counts,
        refusal=refusal,
        sizes=sizes,
        corrupt=tuple(corrupt),
    )


def _look(contents: Contents, indices: Sequence[int]) -> tuple[list[Size], list[str]]:
    sizes, corrupt = [], []
    for index in indices:
        try:
            sizes.append(contents.source.image(index, contents.resize.mode).size)
        except CorruptImageError as error:
            corrupt.append(f"{contents.source.name(index)}: {error}")
    return sizes, corrupt


def _counts(contents: Contents, settings: DataSettings) -> tuple[tuple[SplitCounts, ...], str]:
    try:
        return count_splits(contents.class_names, contents.own_splits, settings), ""
    except BadInputError as error:
        return (), error.message
