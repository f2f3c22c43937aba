"""From an encoded image to pixels: decoded, turned upright, resized as for evaluation or cropped.

Resizing is torchvision's on PIL images: bilinear, antialiased where it shrinks.

Legend: C channels, H height, W width.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from orchestrator.errors import BadInputError

Pixels = NDArray[np.uint8]

_MODES = {1: "L", 3: "RGB"}
_ORIENTATION = 0x0112  # of Exif
_SIXTEEN_BITS = frozenset({"PNG", "PPM"})
"""Formats whose deep grey values have so many, also where Pillow reads them into 32."""
_MAX_ASPECT = 16
"""Of what is resized: the longer side of an image of 10 x 10,000 pixels would become 224,000 pixels."""


class CorruptImageError(Exception):
    """An image that can't be decoded; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resize:
    """How images become those of a network.

    Attributes:
        in_channels: 1 for grey, 3 for RGB.
        image_size: side of the square images, in pixels.
        center_crop: share of the shorter side that is kept.
    """

    in_channels: int
    image_size: int
    center_crop: float = 1.0

    @property
    def shorter_side(self) -> int:
        """That images are resized to before the middle is cut out, in pixels."""
        return max(round(self.image_size / self.center_crop), self.image_size)

    def evaluated(self, image: Image.Image) -> Pixels:
        """The middle of an image, ``image_HWC``."""
        size = self.image_size
        resized = _with_shorter_side(image, self.shorter_side)
        # Rounded half to even, as the references round it.
        left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
        return _pixels(resized.crop((left, top, left + size, top + size)))

    def cropped(self, image: Image.Image, box: tuple[int, int, int, int]) -> Pixels:
        """A part of an image, ``image_HWC``, given as top, left, height and width."""
        top, left, height, width = box
        part = image.crop((left, top, left + width, top + height))
        return _pixels(part.resize((self.image_size, self.image_size), Image.Resampling.BILINEAR))

    @property
    def mode(self) -> str:
        """Pillow's word for the channels."""
        return _MODES[self.in_channels]


def decode(encoded: bytes | Path, mode: str) -> Image.Image:
    """An image as the camera was held, decoded in full.

    Raises:
        CorruptImageError: it can't be decoded.
        BadInputError: its file can't be read on this machine, which says nothing of the image.
    """
    try:
        with Image.open(BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as image:
            image.load()
            upright = ImageOps.exif_transpose(image) if _ORIENTATION in image.getexif() else image
            if upright.mode.startswith(("I", "F")):
                upright = _of_eight_bits(upright, image.format or "")
            return upright if upright.mode == mode else upright.convert(mode)
    except MemoryError:
        raise
    except Exception as error:  # for broken files, decoders raise errors of every kind
        if isinstance(error, OSError) and error.errno is not None:
            raise BadInputError(
                f"{encoded!s}: can't be read on {socket.gethostname()}: {error.strerror}",
                hint="every machine that trains has to read every image: is the folder shared?",
            ) from error
        raise CorruptImageError(str(error) or type(error).__name__) from error


def _of_eight_bits(image: Image.Image, file_format: str) -> Image.Image:
    """The upper 8 of 16 bits of grey, as Pillow reads deep colours; its ``convert`` makes all above 255 white."""
    if not (image.mode.startswith("I;16") or (image.mode == "I" and file_format in _SIXTEEN_BITS)):
        raise CorruptImageError(f"no range is known of pixels of mode {image.mode}: convert them to 8 or 16 bits")
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _with_shorter_side(image: Image.Image, side: int) -> Image.Image:
    shorter, longer = sorted(image.size)
    if longer > _MAX_ASPECT * shorter:
        margin = (longer - _MAX_ASPECT * shorter) // 2
        is_wide = image.width > image.height
        image = ImageOps.crop(image, (margin, 0, margin, 0) if is_wide else (0, margin, 0, margin))
        longer = max(image.size)
    if shorter == side:
        return image
    scaled = int(side * longer / shorter)
    size = (side, scaled) if image.width <= image.height else (scaled, side)
    return image.resize(size, Image.Resampling.BILINEAR)


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, -1)
