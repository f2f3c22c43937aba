"""A data set as tensors in three splits, with what is needed to feed its images to a network.

Legend: N images, B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import DIGITS, DIGITS_CLASS_NAMES, DIGITS_TASK, FOLDER, folder_task, unknown_name
from orchestrator.data.digits import load_digits
from orchestrator.data.folder import load_folder
from orchestrator.data.listing import list_folder
from orchestrator.data.splits import count_splits, split_indices
from search_spaces.architecture import Task

_CHUNK = 1024


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Images as uint8 in [0, 255] and their labels as int64."""

    images_NCHW: Tensor
    labels_N: Tensor

    def __len__(self) -> int:
        return len(self.labels_N)

    def to(self, device: torch.device) -> Split:
        return Split(images_NCHW=self.images_NCHW.to(device), labels_N=self.labels_N.to(device))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dataset:
    """Images in three splits that share none.

    Attributes:
        mean, std: of each channel over the training split, with pixels in [0, 1].
        fingerprint: SHA-256 of classes, images, labels and split; equal if and only if the data are.
    """

    task: Task
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str

    def description(self) -> dict[str, Any]:
        """What has to be known of the data to use a network that was trained on them, as JSON values."""
        return {
            "class_names": list(self.class_names),
            "fingerprint": self.fingerprint,
            "mean": list(self.mean),
            "std": list(self.std),
            "num_train": len(self.train),
            "num_validation": len(self.validation),
            "num_test": len(self.test),
        }

    def normalised(self, images_BCHW: Tensor) -> Tensor:
        """The network's input: float32 of mean 0 and deviation 1, in channels-last memory."""
        scale_C = [1 / (255 * std) for std in self.std]
        shift_C = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        scale_C11, shift_C11 = torch.tensor([scale_C, shift_C], device=images_BCHW.device).view(2, -1, 1, 1)
        batch, channels, height, width = images_BCHW.shape
        # Written out, because torch takes a one-channel image for channels-last whatever its strides are.
        input_BHWC = torch.empty((batch, height, width, channels), device=images_BCHW.device)
        return torch.mul(images_BCHW, scale_C11, out=input_BHWC.permute(0, 3, 1, 2)).add_(shift_C11)


def load(settings: DataSettings, *, seed: int) -> Dataset:
    """Loads and splits a data set; the split depends on the seed and the number of images alone.

    Raises:
        BadInputError: as ``catalog.inspect``, or images that can't be decoded.
    """
    if settings.name == DIGITS:
        return _dataset(DIGITS_TASK, DIGITS_CLASS_NAMES, *load_digits(), settings=settings, seed=seed)
    if settings.name == FOLDER:
        listing = list_folder(settings.path)
        count_splits(listing.class_names, listing.num_images, settings)
        images_NCHW, labels_N = load_folder(listing, image_size=settings.image_size)
        task = folder_task(settings, listing.class_names)
        return _dataset(task, listing.class_names, images_NCHW, labels_N, settings=settings, seed=seed)
    raise unknown_name(settings)


def _dataset(
    task: Task, class_names: Sequence[str], images_NCHW: Tensor, labels_N: Tensor, *, settings: DataSettings, seed: int
) -> Dataset:
    num_images = torch.bincount(labels_N, minlength=len(class_names)).tolist()
    indices = split_indices(labels_N.tolist(), count_splits(class_names, num_images, settings), seed=seed)
    train, validation, test = (
        Split(images_NCHW=images_NCHW[list(rows)], labels_N=labels_N[list(rows)])
        for rows in (indices.train, indices.validation, indices.test)
    )
    mean, std = _channel_statistics(train.images_NCHW)
    return Dataset(
        task=task,
        class_names=tuple(class_names),
        train=train,
        validation=validation,
        test=test,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(class_names, (train, validation, test)),
    )


def _channel_statistics(images_NCHW: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel; a channel that is constant gets a deviation of 1."""
    sums_C = torch.zeros(images_NCHW.shape[1], dtype=torch.float64)
    squares_C = torch.zeros_like(sums_C)
    for start in range(0, len(images_NCHW), _CHUNK):
        pixels = images_NCHW[start : start + _CHUNK].to(torch.float64) / 255
        sums_C += pixels.sum((0, 2, 3))
        squares_C += pixels.square().sum((0, 2, 3))
    num_pixels = images_NCHW.numel() / images_NCHW.shape[1]
    mean_C = sums_C / num_pixels
    std_C = (squares_C / num_pixels - mean_C.square()).clamp(min=0).sqrt()
    return tuple(mean_C.tolist()), tuple(value if value > 1e-6 else 1.0 for value in std_C.tolist())


def _fingerprint(class_names: Sequence[str], splits: Sequence[Split]) -> str:
    digest = hashlib.sha256(json.dumps(list(class_names)).encode())
    for split in splits:
        for tensor in (split.images_NCHW, split.labels_N):
            digest.update(json.dumps(list(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
