"""Named tensors as a file; a disk that is full says so in the system's own words."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes a safetensors file.

    Raises:
        OSError: the disk is full or can't be written; safetensors tells that in words of its own.
    """
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        if (number := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def num_bytes(tensors: Mapping[str, Tensor]) -> int:
    """What their values take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
