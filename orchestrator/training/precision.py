"""In which number format a network is trained and evaluated; float32 weights either way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import torch

_MIN_IMAGE_SIZE_ON_CPU = 64
"""On an AMX core a step in bfloat16 is this many times as fast for densenet, resnet, mobilenet (depthwise products
have no bfloat16 kernel worth the name): 0.8, 1.2, 0.3 at 8 pixels; 1.3, 1.4, 0.8 at 32; 1.9, 1.6, 0.9 at 64."""


class Precision(StrEnum):
    """Format of activations and matrix products."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def choose_precision(device: torch.device, image_size: int) -> Precision:
    """bfloat16 where the hardware multiplies in it and the images are large enough to gain from it."""
    if device.type == "cuda":
        # Emulated below compute capability 8.0, and slower there.
        return Precision.BFLOAT16 if torch.cuda.get_device_capability(device) >= (8, 0) else Precision.FLOAT32
    if device.type == "cpu" and image_size >= _MIN_IMAGE_SIZE_ON_CPU and torch.cpu._is_amx_tile_supported():  # noqa: SLF001
        return Precision.BFLOAT16
    return Precision.FLOAT32


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a network runs forward."""
    if precision is Precision.FLOAT32:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
