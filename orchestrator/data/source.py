"""Where the images of a data set come from: one by one, by number, from any thread.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image
from torch import Tensor

from orchestrator.data.decoding import decode
from orchestrator.errors import BadInputError

_MAX_HASHED_BYTES = 256 * 2**20


class ImageSource(Protocol):
    """The originals of a data set."""

    def image(self, index: int, mode: str) -> Image.Image:
        """An original, upright, in Pillow's mode ``L`` or ``RGB``; raises CorruptImageError."""

    def name(self, index: int) -> str:
        """How messages call an image."""

    def digest(self) -> str:
        """SHA-256 of what tells these images apart from others, without decoding them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FileSource:
    """Image files."""

    root: Path
    paths: Sequence[Path]

    def image(self, index: int, mode: str) -> Image.Image:
        return decode(self.paths[index], mode)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def digest(self) -> str:
        """Of names and sizes, and of the contents where all files together have at most 256 MiB.

        Larger data would take longer to hash than to start training on.

        Raises:
            BadInputError: a file is gone.
        """
        try:
            sizes = [path.stat().st_size for path in self.paths]
            names = [path.relative_to(self.root).as_posix() for path in self.paths]
            digest = hashlib.sha256(json.dumps([names, sizes]).encode())
            if sum(sizes) <= _MAX_HASHED_BYTES:
                for path in self.paths:
                    digest.update(path.read_bytes())
        except OSError as error:
            raise BadInputError(f"{error.filename}: can't be read: {error.strerror}", hint="is it there?") from error
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PixelSource:
    """Images that come decoded, as uint8."""

    images_NCHW: Tensor
    title: str

    def image(self, index: int, mode: str) -> Image.Image:
        pixels_HWC = self.images_NCHW[index].permute(1, 2, 0)
        return Image.fromarray(pixels_HWC.squeeze(2).numpy()).convert(mode)

    def name(self, index: int) -> str:
        return f"image {index} of {self.title}"

    def digest(self) -> str:
        digest = hashlib.sha256(json.dumps(list(self.images_NCHW.shape)).encode())
        digest.update(self.images_NCHW.contiguous().numpy().data)
        return digest.hexdigest()
