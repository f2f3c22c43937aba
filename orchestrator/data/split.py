"""One split of a data set: images and labels by row, whether they lie in memory or are decoded when asked for.

Legend: N images of the split, B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from orchestrator.data.order import Blocks, shuffled


class CropDraw(Protocol):
    """What was drawn for one image before its size was known."""

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The crop of an image of that size, in its pixels: top, left, height, width."""


class CropDraws(Protocol):
    """What was drawn for each image of a batch."""

    def __getitem__(self, index: int, /) -> CropDraw: ...


class Split(Protocol):
    """Images of one split; a row says the same image in every process, whatever was read before."""

    @property
    def labels_N(self) -> Tensor:  # noqa: N802 - tensors carry a shape suffix in capitals
        """int64, on the device that the split was sent to, or on the CPU where it is streamed."""

    @property
    def is_streamed(self) -> bool:
        """Whether images are decoded when asked for, so that it pays to ask ahead in a thread."""

    def __len__(self) -> int: ...

    def images(self, rows_B: Tensor) -> Tensor:
        """Images as for evaluation, ``images_BCHW`` as uint8, where ``labels_N`` lies; rows may lie on any device."""

    def crops(self, rows_B: Tensor, draws: CropDraws) -> Tensor:
        """A crop of each original, resized to the split's size: ``images_BCHW``; of streamed splits only."""

    def order(self, generator: Generator) -> Tensor:
        """The rows of an epoch, each once, ``order_N`` on the CPU: a function of the generator's state alone."""

    def to(self, device: torch.device) -> Split:
        """The split with its tensors on a device; a streamed one stays as it is."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TensorSplit:
    """Images that were decoded once.

    Attributes:
        images_NCHW: uint8 in [0, 255].
        labels_N: int64.
        blocks: as in a streamed split of the same data, so that both are trained on in the same order.
    """

    images_NCHW: Tensor
    labels_N: Tensor
    blocks: Blocks | None = None

    @property
    def is_streamed(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.labels_N)

    def images(self, rows_B: Tensor) -> Tensor:
        return self.images_NCHW[rows_B.to(self.images_NCHW.device)]

    def crops(self, rows_B: Tensor, draws: CropDraws) -> Tensor:
        """Refuses: the originals are gone."""
        raise ValueError("crops need the originals: load the data set with originals=True")

    def order(self, generator: Generator) -> Tensor:
        return shuffled(len(self), self.blocks, generator)

    def to(self, device: torch.device) -> TensorSplit:
        return TensorSplit(
            images_NCHW=self.images_NCHW.to(device), labels_N=self.labels_N.to(device), blocks=self.blocks
        )
