"""What the input of a training step costs: ``python -m tests.benchmarks.input``.

Ours moves, mirrors, blanks and normalises a batch at once, each image on its own. Against it a ``DataLoader`` with
PIL's transforms, in the same process on one thread, without the blanking: crop with a margin of 4, flip, tensor,
normalise. Images of CIFAR-10's size, both ways and a training step of ResNet-18 interleaved; times are the processor's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from orchestrator.config.settings import Recipe
from orchestrator.training.batches import Batches
from orchestrator.training.ranks import ALONE
from orchestrator.training.reset import warm_up
from tests.benchmarks.machine import median_interval, parser, publish
from tests.benchmarks.step import Case, pair, random_images, seconds

BATCH_SIZE = 128
NUM_BATCHES = 8
RECIPE = Recipe(batch_size=BATCH_SIZE, max_shift=4, flip=True, cutout=8)
CASE = Case(name="resnet18", image_size=32, batch_size=BATCH_SIZE)


class _Pictures(TorchDataset[tuple[Tensor, int]]):
    """As torchvision's CIFAR10 gives them."""

    def __init__(self, images_NHWC: Any, transform: Any) -> None:
        self._images_NHWC = images_NHWC
        self._transform = transform

    def __len__(self) -> int:
        return len(self._images_NHWC)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._images_NHWC[index])), 0


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    torch.set_num_threads(1)
    warm_up()
    num_rounds = 1 if options.quick else 15
    dataset = random_images(replace(CASE, batch_size=NUM_BATCHES * BATCH_SIZE))
    batches = Batches.on_device(dataset, RECIPE, seed=0, ranks=ALONE)
    loader = _loader(batches)
    step = pair(CASE, ALONE.device).ours
    step()

    def ours() -> None:
        for index in range(NUM_BATCHES):
            batches.at(index)

    def theirs() -> None:
        for _ in loader:
            pass

    rounds = list(_rounds((ours, theirs, step), num_rounds))
    ratio, low, high = median_interval([theirs_s / ours_s for ours_s, theirs_s, _ in rounds])
    share, share_low, share_high = median_interval([ours_s / NUM_BATCHES / step_s for ours_s, _, step_s in rounds])
    per_image_us = [1e6 * median_interval([one[way] for one in rounds])[0] / len(dataset.train) for way in (0, 1)]
    row = {
        "ours (us an image)": per_image_us[0],
        "DataLoader (us an image)": per_image_us[1],
        "times as fast": ratio,
        "95 % low": low,
        "95 % high": high,
        "share of a step": share,
        "share low": share_low,
        "share high": share_high,
    }
    publish(f"input of 32 x 32 pixels, batch {BATCH_SIZE}, n = {num_rounds}", [row], to=options.json)


def _loader(batches: Batches) -> DataLoader[tuple[Tensor, int]]:
    dataset = batches.dataset
    transform = transforms.Compose(
        [
            transforms.RandomCrop(CASE.image_size, padding=RECIPE.max_shift),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(dataset.mean, dataset.std),
        ]
    )
    images_NCHW = batches.source.split.images(torch.arange(len(dataset.train)))
    pictures = _Pictures(images_NCHW.permute(0, 2, 3, 1).contiguous().numpy(), transform)
    return DataLoader(pictures, batch_size=BATCH_SIZE, shuffle=True)


def _rounds(ways: tuple[Any, ...], num_rounds: int) -> Iterator[tuple[float, ...]]:
    for way in ways:
        way()
    for _ in range(num_rounds):
        yield tuple(seconds(way, ALONE.device) for way in ways)


if __name__ == "__main__":
    main()
