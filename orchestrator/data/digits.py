"""scikit-learn's digits: 1,797 grey images of 8 x 8 pixels, without a download.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from orchestrator.data.catalog import DIGITS_TASK

_MAX_GREY = 16


def load_digits() -> tuple[Tensor, Tensor]:
    """Images as uint8 in [0, 255], ``images_NCHW``, and their labels, ``labels_N``."""
    table_NF = torch.tensor(_rows(), dtype=torch.float32)
    size = DIGITS_TASK.image_size
    images_NCHW = (table_NF[:, :-1] * (255 / _MAX_GREY)).round().to(torch.uint8).view(-1, 1, size, size)
    return images_NCHW, table_NF[:, -1].to(torch.int64)


def _rows() -> list[list[float]]:
    # Importing sklearn.datasets takes 4 s of CPU (scipy, pandas); the file that it reads takes 20 ms.
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            lines = gzip.decompress(file.read_bytes()).splitlines()
            return [[float(value) for value in line.split(b",")] for line in lines]
    return _rows_by_import()


def _rows_by_import() -> list[list[float]]:
    from sklearn import datasets

    digits = datasets.load_digits()
    images, labels = digits.data.tolist(), digits.target.tolist()
    return [[*image, label] for image, label in zip(images, labels, strict=True)]
