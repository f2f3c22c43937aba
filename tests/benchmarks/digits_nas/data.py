"""The data of each table: digits as they are, fewer of them, noisy, or turned.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset, load
from orchestrator.data.split import TensorSplit
from orchestrator.storage import sha256_of

_NOISE = 110.0
"""Standard deviation of the noise on pixels of 0 to 255."""

_MAX_ANGLE = 60.0

FOLDER = Path(__file__).parent

SUMS = FOLDER / "SHA256SUMS"
"""Of all tables, as ``sha256sum --check`` reads it."""

# Seeds of the changes, one for each split.
_TRAINING, _VALIDATION = 1, 2


def dataset_of(table: str, settings: DataSettings) -> Dataset:
    """The data that the networks of a table are trained and validated on."""
    dataset = load(settings, seed=0)
    change = _CHANGES[table]
    train, validation = change(dataset.train, _TRAINING), change(dataset.validation, _VALIDATION)
    scaled = train.images_NCHW.double() / 255
    return replace(
        dataset,
        train=train,
        validation=validation,
        mean=(float(scaled.mean()),),
        std=(float(scaled.std(correction=0)),),
    )


def _as_it_is(split: TensorSplit, seed: int) -> TensorSplit:
    return split


def _few(split: TensorSplit, seed: int) -> TensorSplit:
    """The first thirty training images of each class."""
    if seed == _VALIDATION:
        return split
    rows = torch.cat([(split.labels_N == label).nonzero()[:30, 0] for label in range(10)])
    return TensorSplit(images_NCHW=split.images_NCHW[rows], labels_N=split.labels_N[rows])


def _noisy(split: TensorSplit, seed: int) -> TensorSplit:
    noise_NCHW = torch.randn(split.images_NCHW.shape, generator=torch.Generator().manual_seed(seed)) * _NOISE
    return replace(split, images_NCHW=_pixels(split.images_NCHW + noise_NCHW))


def _rotated(split: TensorSplit, seed: int) -> TensorSplit:
    images_NCHW, labels_N = split.images_NCHW.float(), split.labels_N
    generator = torch.Generator().manual_seed(seed)
    angle_N = torch.deg2rad((torch.rand(len(labels_N), generator=generator) * 2 - 1) * _MAX_ANGLE)
    zero_N, cos_N, sin_N = torch.zeros_like(angle_N), angle_N.cos(), angle_N.sin()
    rows_N23 = torch.stack(
        [torch.stack([cos_N, -sin_N, zero_N], dim=1), torch.stack([sin_N, cos_N, zero_N], dim=1)], dim=1
    )
    grid_NHW2 = functional.affine_grid(rows_N23, list(images_NCHW.shape), align_corners=False)
    turned_NCHW = functional.grid_sample(images_NCHW, grid_NHW2, align_corners=False)
    return TensorSplit(images_NCHW=_pixels(turned_NCHW), labels_N=labels_N)


def _pixels(images_NCHW: Tensor) -> Tensor:
    return images_NCHW.round().clamp(0, 255).to(torch.uint8)


_CHANGES: Mapping[str, Callable[[TensorSplit, int], TensorSplit]] = {
    "clean": _as_it_is,
    "few": _few,
    "noisy": _noisy,
    "rotated": _rotated,
}
TABLES = tuple(_CHANGES)


def write_sums() -> None:
    tables = sorted(FOLDER.glob("*.parquet"))
    SUMS.write_text("".join(f"{sha256_of(path)}  {path.name}\n" for path in tables))
