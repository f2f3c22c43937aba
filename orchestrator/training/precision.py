"""In which number format a network is trained and evaluated; float32 weights either way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import torch

_MIN_IMAGE_SIZE_ON_CPU = 32
"""On an AMX core a step of densenet121, resnet18, mobilenet_v2 in bfloat16 is about 2, 3 and 1.1 times as fast as in
float32 at 32 pixels (``python -m tests.benchmarks.step``, both precisions); small networks at 8 pixels lose by it."""


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
