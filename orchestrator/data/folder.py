"""The images of a folder, decoded and resized.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor

from orchestrator.data.listing import Listing
from orchestrator.errors import BadInputError

_NUM_NAMED = 20


def load_folder(listing: Listing, *, image_size: int) -> tuple[Tensor, Tensor]:
    """Decodes every image in RGB: ``images_NCHW`` as uint8 and ``labels_N``, ordered by class and name.

    Raises:
        BadInputError: images that can't be decoded; the first 20 are named.
    """
    paths = [path for images in listing.images for path in images]
    images_NCHW = torch.empty((len(paths), 3, image_size, image_size), dtype=torch.uint8)
    with ThreadPoolExecutor() as pool:
        problems = list(pool.map(_decode_into, paths, images_NCHW.unbind()))
    broken = [f"{path}: {problem}" for path, problem in zip(paths, problems, strict=True) if problem]
    if broken:
        raise _broken_images(broken)
    labels_N = torch.repeat_interleave(torch.arange(len(listing.images)), torch.tensor(listing.num_images))
    return images_NCHW, labels_N


def _decode_into(path: Path, image_CHW: Tensor) -> str:
    """Fills one image; says what is wrong where it can't be decoded."""
    _, height, width = image_CHW.shape
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    # Pillow's decoders raise SyntaxError and ValueError, too, for broken files.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return str(error) or type(error).__name__
    pixels_HWC = torch.frombuffer(bytearray(upright.tobytes()), dtype=torch.uint8).view(height, width, 3)
    image_CHW.copy_(pixels_HWC.permute(2, 0, 1))
    return ""


def _broken_images(broken: Sequence[str]) -> BadInputError:
    named = "\n".join(f"  {line}" for line in broken[:_NUM_NAMED])
    more = f"\n  and {len(broken) - _NUM_NAMED} more" if len(broken) > _NUM_NAMED else ""
    images = "1 image" if len(broken) == 1 else f"{len(broken)} images"
    return BadInputError(f"{images} can't be decoded:\n{named}{more}", hint="remove or replace them")
