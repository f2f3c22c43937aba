"""Made-up images for load tests: of any number and size, made when asked for, with classes that can be learned.

Legend: H height, W width, C channels.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from orchestrator.data.decoding import Pixels

_COARSE = 4
_SIGNAL = 0.4
"""Share of a class's pattern in each pixel; the rest is noise of the image's own."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticSource:
    """Image k is of class k modulo the number of classes: its class's pattern of 4 x 4 colours under noise."""

    image_size: int
    num_classes: int

    def image(self, index: int, mode: str) -> Image.Image:
        size = self.image_size
        # Bytes of random are promised to be equal on every version of Python; numpy's are not.
        noise = np.frombuffer(random.Random(f"image {index}").randbytes(size * size * 3), dtype=np.uint8)
        pattern_HWC = _pattern(index % self.num_classes, size)
        pixels_HWC = _SIGNAL * pattern_HWC + (1 - _SIGNAL) * noise.reshape(size, size, 3)
        return Image.fromarray(pixels_HWC.astype(np.uint8)).convert(mode)

    def name(self, index: int) -> str:
        return f"synthetic image {index}"

    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.image_size, self.num_classes, _COARSE, _SIGNAL]).encode()).hexdigest()


@functools.lru_cache(maxsize=1024)
def _pattern(label: int, size: int) -> Pixels:
    coarse = np.frombuffer(random.Random(f"class {label}").randbytes(_COARSE * _COARSE * 3), dtype=np.uint8)
    image = Image.fromarray(coarse.reshape(_COARSE, _COARSE, 3)).resize((size, size), Image.Resampling.NEAREST)
    return np.asarray(image)
