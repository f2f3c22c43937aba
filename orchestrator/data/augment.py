"""Augmentation of a whole batch at once, each image moved on its own.

Legend: B images of a batch, C channels, H height, W width, X = W C.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


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
    batch, channels, height, width = images_BCHW.shape
    device, margin = images_BCHW.device, moves.max_shift
    padded_height, padded_width = height + 2 * margin, width + 2 * margin
    padded_BHWC = images_BCHW.new_zeros(batch, padded_height, padded_width, channels)
    padded_BHWC[:, margin : margin + height, margin : margin + width] = images_BCHW.permute(0, 2, 3, 1)
    tops_B1, lefts_B1 = (margin - moves.offsets_2B).to(device).unsqueeze(2)
    columns_W = torch.arange(width, device=device)
    columns_BW = lefts_B1 + torch.where(moves.mirrored_B.to(device).unsqueeze(1), width - 1 - columns_W, columns_W)
    firsts_B1 = torch.arange(batch, device=device).unsqueeze(1) * padded_height
    rows_BH = firsts_B1 + tops_B1 + torch.arange(height, device=device)
    pixels_BHW = rows_BH.unsqueeze(2) * padded_width + columns_BW.unsqueeze(1)
    # One gather of whole pixels does both moves; the channels lie last in memory, as the networks like it.
    moved_BHWC = padded_BHWC.view(-1, channels).index_select(0, pixels_BHW.flatten())
    return moved_BHWC.view(batch, height, width, channels).permute(0, 3, 1, 2)


def draw_centres(num_images: int, *, image_size: int, generator: Generator) -> Tensor:
    """Rows and columns of pixels, ``centres_2B``, each as likely as any other."""
    return torch.randint(image_size, (2, num_images), generator=generator)


def cut_out(input_BCHW: Tensor, centres_2B: Tensor, *, side: int) -> Tensor:
    """Writes 0, which is the mean of a normalised input, into a square of each image; it may reach over the edge.

    The input has its channels last in memory, and is changed. The square of an even side lies half a pixel above and to
    the left of its centre.
    """
    batch, channels, height, width = input_BCHW.shape
    device = input_BCHW.device
    tops_B1, lefts_B1 = (centres_2B - side // 2).to(device).unsqueeze(2)
    is_cut_BH, is_cut_BW = (
        (first_B1 <= pixels) & (pixels < first_B1 + side)
        for first_B1, pixels in (
            (tops_B1, torch.arange(height, device=device)),
            (lefts_B1, torch.arange(width, device=device)),
        )
    )
    # Rows of pixels and channels as one: loops over three channels take five times as long.
    is_cut_BHX = is_cut_BH.unsqueeze(2) & is_cut_BW.repeat_interleave(channels, 1).unsqueeze(1)
    input_BCHW.permute(0, 2, 3, 1).view(batch, height, width * channels).masked_fill_(is_cut_BHX, 0.0)
    return input_BCHW
