"""A split whose images are decoded when asked for, by threads.

Legend: N images of the split, B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from orchestrator.data.decoding import CorruptImageError, Pixels, Resize
from orchestrator.data.order import Blocks, shuffled
from orchestrator.data.source import ImageSource
from orchestrator.data.split import CropDraws
from orchestrator.errors import BadInputError

logger = logging.getLogger(__name__)

_ROWS_PER_TASK = 16
"""A task of a thread costs as much as a fifth of a small image."""
_BLACK: Pixels = np.zeros((1, 1, 1), dtype=np.uint8)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EncodedSplit:
    """Images that are decoded each time they are used; the same ones as of a TensorSplit of the same data.

    Attributes:
        source: of this split's images and others.
        indices_N: of this split's images in the source, ascending.
        labels_N: int64.
        skips_corrupt: an image that can't be decoded is replaced by the next one of its class, with a warning, instead
            of being refused: data that are streamed are not decoded beforehand to find out.
    """

    source: ImageSource
    indices_N: Tensor
    labels_N: Tensor
    resize: Resize
    blocks: Blocks | None = None
    skips_corrupt: bool = False

    @property
    def is_streamed(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.labels_N)

    def images(self, rows_B: Tensor) -> Tensor:
        return self._batch(rows_B.tolist(), lambda row, _: self.resize.evaluated(self._original(row)))

    def crops(self, rows_B: Tensor, draws: CropDraws) -> Tensor:
        def crop(row: int, index: int) -> Pixels:
            image = self._original(row)
            return self.resize.cropped(image, draws[index].box(image.height, image.width))

        return self._batch(rows_B.tolist(), crop)

    def order(self, generator: Generator) -> Tensor:
        return shuffled(len(self), self.blocks, generator)

    def to(self, device: torch.device) -> EncodedSplit:
        return self

    def decoded(self) -> tuple[Tensor, dict[int, str]]:
        """All images, ``images_NCHW``, and what is wrong with those, by index, that can't be decoded and are black."""
        problems: dict[int, str] = {}

        def pixels_of(row: int, _: int) -> Pixels:
            index = int(self.indices_N[row])
            try:
                return self.resize.evaluated(self.source.image(index, self.resize.mode))
            except CorruptImageError as error:
                problems[index] = f"{self.source.name(index)}: {error}"
                return _BLACK

        return self._batch(range(len(self)), pixels_of), problems

    def _batch(self, rows: Sequence[int], pixels_of: Callable[[int, int], Pixels]) -> Tensor:
        """The images of rows; ``pixels_of`` takes a row and its index in the batch."""
        size = self.resize.image_size
        # Not a tensor: threads know nothing of the caller's inference mode, in which theirs could not be written to.
        images_BHWC = np.empty((len(rows), size, size, self.resize.in_channels), dtype=np.uint8)

        def fill(start: int) -> None:
            for index in range(start, min(start + _ROWS_PER_TASK, len(rows))):
                images_BHWC[index] = pixels_of(rows[index], index)

        list(decoding_threads(torch.get_num_threads()).map(fill, range(0, len(rows), _ROWS_PER_TASK)))
        return torch.from_numpy(images_BHWC).permute(0, 3, 1, 2)

    def _original(self, row: int) -> Image.Image:
        first = row
        while True:
            index = int(self.indices_N[row])
            try:
                return self.source.image(index, self.resize.mode)
            except CorruptImageError as error:
                row = self._next_of_class(row)
                text = f"{self.source.name(index)}: can't be decoded: {error}"
                if not self.skips_corrupt or row == first:
                    hint = 'archfront data check finds all of them; [data] on_corrupt = "skip" passes them over'
                    raise BadInputError(text, hint=hint) from error
                logger.warning("%s; another image of its class is taken", text)

    def _next_of_class(self, row: int) -> int:
        """The row behind that has the same label, round to the first one."""
        rows_M = (self.labels_N == self.labels_N[row]).nonzero()[:, 0]
        later = int(torch.searchsorted(rows_M, row, right=True))
        return int(rows_M[later % len(rows_M)])


@functools.cache
def decoding_threads(num_threads: int) -> ThreadPoolExecutor:
    """As many threads as torch has in this process, which are those that the worker was given."""
    return ThreadPoolExecutor(num_threads, thread_name_prefix="decode")
