"""A data set in three splits, in memory or streamed, with what is needed to feed its images to a network.

Legend: N images, B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from orchestrator.config.settings import CorruptPolicy, DataSettings
from orchestrator.data.contents import Contents, read_contents
from orchestrator.data.decoded import decode_splits
from orchestrator.data.encoded import EncodedSplit
from orchestrator.data.free_memory import available_bytes
from orchestrator.data.split import Split
from orchestrator.data.splits import count_splits, divide
from orchestrator.data.statistics import channel_statistics
from search_spaces.architecture import Task

_MEMORY_SHARE = 1 / 3
"""Of the memory that is free, at most so much is filled with decoded images; training needs the rest."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dataset:
    """Images in three splits; they share none, unless training joins the validation images.

    Attributes:
        mean, std: of each channel over the training split, with pixels in [0, 1].
        fingerprint: SHA-256 of classes, originals, labels, splits and resizing, the same whether or not images are
            streamed. Large data are told apart by names, sizes and labels alone: ``ImageSource.digest``.
        center_crop: share of the shorter side that is kept when images are resized.
        num_skipped: images that could not be decoded and are in no split.
    """

    task: Task
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    center_crop: float = 1.0
    num_skipped: int = 0

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
            "center_crop": self.center_crop,
            "num_skipped": self.num_skipped,
        }

    def normalised(self, images_BCHW: Tensor) -> Tensor:
        """The network's input: float32 of mean 0 and deviation 1, in channels-last memory."""
        scale_C = [1 / (255 * std) for std in self.std]
        shift_C = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        batch, channels, height, width = images_BCHW.shape
        # Written out, because torch takes a one-channel image for channels-last whatever its strides are.
        input_BHWC = torch.empty((batch, height, width, channels), device=images_BCHW.device)
        input_BHWC.copy_(images_BCHW.permute(0, 2, 3, 1))
        # A row of pixels at a time: 1.2 to 4 times as fast as broadcasting over three channels (64 images, one core).
        scale_WC, shift_WC = torch.tensor([scale_C, shift_C], device=images_BCHW.device).repeat(1, width)
        input_BHWC.view(batch, height, width * channels).mul_(scale_WC).add_(shift_WC)
        return input_BHWC.permute(0, 3, 1, 2)


def load(settings: DataSettings, *, seed: int, originals: bool = False, joins_validation: bool = False) -> Dataset:
    """Loads and splits a data set; the split depends on the seed and the labels alone.

    Images are decoded now, unless they would take more than a third of the free memory: then they are streamed.

    Args:
        originals: training images are streamed in any case, so that they can be cropped at random.
        joins_validation: the validation images are training images as well.

    Raises:
        BadInputError: as ``catalog.inspect``, files that are not there, or images that can't be decoded.
    """
    contents = read_contents(settings)
    counts = count_splits(contents.class_names, contents.own_splits, settings)
    indices = divide(contents.labels_N.tolist(), contents.own_splits, counts, seed=seed)
    skips = settings.on_corrupt is CorruptPolicy.SKIP
    train = tuple(sorted((*indices.train, *indices.validation))) if joins_validation else indices.train
    encoded = [contents.split(rows, skips_corrupt=skips) for rows in (train, indices.validation, indices.test)]
    if _decoded_bytes(contents) > _MEMORY_SHARE * available_bytes():
        return _dataset(contents, encoded, encoded)
    whole, tensors = decode_splits(contents, encoded, skips_corrupt=skips)
    return _dataset(contents, whole, [whole[0], *tensors[1:]] if originals else tensors)


def _decoded_bytes(contents: Contents) -> int:
    return len(contents.labels_N) * contents.task.in_channels * contents.task.image_size**2


def _dataset(contents: Contents, encoded: Sequence[EncodedSplit], splits: Sequence[Split]) -> Dataset:
    train, validation, test = splits
    mean, std = channel_statistics(train, contents.resize)
    return Dataset(
        task=contents.task,
        class_names=contents.class_names,
        train=train,
        validation=validation,
        test=test,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(contents, encoded),
        center_crop=contents.center_crop,
        num_skipped=len(contents.labels_N) - len(np.unique(torch.cat([split.indices_N for split in encoded]).numpy())),
    )


def _fingerprint(contents: Contents, encoded: Sequence[EncodedSplit]) -> str:
    """Of the originals, so that it is the same wherever and however they are decoded."""
    resize = {field.name: getattr(contents.resize, field.name) for field in fields(contents.resize)}
    digest = hashlib.sha256(json.dumps([list(contents.class_names), contents.source.digest(), resize]).encode())
    for split in encoded:
        for tensor in (split.indices_N, split.labels_N):
            digest.update(tensor.numpy().data)
        digest.update(b"|")
    return digest.hexdigest()
