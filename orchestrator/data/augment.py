"""Augmentation of a whole batch at once, each image moved on its own.

Legend: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moves:
    """How each image of a batch is moved.

    Attributes:
        offsets_2B: rows and columns, in pixels, in [-max_shift, max_shift].
        mirrored_B: which images are flipped horizontally.
    """

    offsets_2B: Tensor
    mirrored_B: Tensor
    max_shift: int

    def __getitem__(self, images: slice) -> Moves:
        return Moves(
            offsets_2B=self.offsets_2B[:, images], mirrored_B=self.mirrored_B[images], max_shift=self.max_shift
        )


def draw_moves(num_images: int, *, max_shift: int, flip: bool, generator: Generator) -> Moves:
    """Draws on the CPU, so that every device and every number of ranks gets the same moves."""
    offsets_2B = torch.randint(-max_shift, max_shift + 1, (2, num_images), generator=generator)
    mirrored_B = torch.rand(num_images, generator=generator) < (0.5 if flip else 0.0)
    return Moves(offsets_2B=offsets_2B, mirrored_B=mirrored_B, max_shift=max_shift)


def move(images_BCHW: Tensor, moves: Moves) -> Tensor:
    """Shifts down and to the right by the offsets, then flips; pixels that come in from outside are 0."""
    batch, _, height, width = images_BCHW.shape
    device, margin = images_BCHW.device, moves.max_shift
    rows_2B1 = (margin - moves.offsets_2B).to(device).unsqueeze(2)
    columns_W = torch.arange(width, device=device)
    columns_BW = torch.where(moves.mirrored_B.to(device).unsqueeze(1), width - 1 - columns_W, columns_W)
    padded_BCHW = functional.pad(images_BCHW, (margin,) * 4)
    # One gather does both moves; its result has the channels last in memory, as the networks like it.
    moved_BHWC = padded_BCHW[
        torch.arange(batch, device=device).view(-1, 1, 1),
        :,
        (rows_2B1[0] + torch.arange(height, device=device)).unsqueeze(2),
        (rows_2B1[1] + columns_BW).unsqueeze(1),
    ]
    return moved_BHWC.permute(0, 3, 1, 2)
