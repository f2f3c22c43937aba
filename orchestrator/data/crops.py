"""Random crops of an image of any size, drawn before the size is known.

Legend: B images of a batch, T tries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

NUM_TRIES = 10
"""Crops that are drawn for an image until one lies inside it."""
MIN_ASPECT, MAX_ASPECT = 3 / 4, 4 / 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """What was drawn for one image.

    Attributes:
        tries: area as a share of the image's and aspect (width by height) of each try.
        down, right: where the crop lies in the room that it leaves, in [0, 1).
    """

    tries: tuple[tuple[float, float], ...]
    down: float
    right: float

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The first try that lies inside an image of that size, in its pixels: top, left, height, width.

        Without one the largest crop in the middle whose aspect is allowed, as torchvision's RandomResizedCrop.
        """
        for share, aspect in self.tries:
            area = share * height * width
            crop_height, crop_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < crop_height <= height and 0 < crop_width <= width:
                top, left = int(self.down * (height - crop_height + 1)), int(self.right * (width - crop_width + 1))
                return top, left, crop_height, crop_width
        crop_height = min(height, max(1, round(width / MIN_ASPECT)))
        crop_width = min(width, max(1, round(height * MAX_ASPECT)))
        return (height - crop_height) // 2, (width - crop_width) // 2, crop_height, crop_width


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Crops:
    """What was drawn for each image of a batch.

    Attributes:
        shares_BT: areas of the crops.
        aspects_BT: widths by heights.
        places_B2: as ``Crop``'s ``down`` and ``right``.
    """

    shares_BT: Tensor
    aspects_BT: Tensor
    places_B2: Tensor

    def __getitem__(self, index: int) -> Crop:
        tries = zip(self.shares_BT[index].tolist(), self.aspects_BT[index].tolist(), strict=True)
        down, right = self.places_B2[index].tolist()
        return Crop(tries=tuple(tries), down=down, right=right)

    def shard(self, images: slice) -> Crops:
        """Those of some of the images."""
        return Crops(
            shares_BT=self.shares_BT[images], aspects_BT=self.aspects_BT[images], places_B2=self.places_B2[images]
        )


def draw_crops(num_images: int, *, min_area: float, generator: Generator) -> Crops:
    """Areas are even over [min_area, 1], aspects even on a logarithmic scale."""
    shares_BT, exponents_BT = torch.rand((2, num_images, NUM_TRIES), generator=generator, dtype=torch.float64)
    return Crops(
        shares_BT=min_area + (1 - min_area) * shares_BT,
        aspects_BT=MIN_ASPECT * (MAX_ASPECT / MIN_ASPECT) ** exponents_BT,
        places_B2=torch.rand((num_images, 2), generator=generator, dtype=torch.float64),
    )
