"""A rank's share of every training step; step k is the same whatever ran before, on every number of ranks.

Legend: N images of the split, B of this rank's share of a step, C channels, H height, W width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import Recipe
from orchestrator.data.augment import cut_out, draw_centres, draw_moves, move
from orchestrator.data.crops import draw_crops
from orchestrator.data.dataset import Dataset
from orchestrator.data.split import Split
from orchestrator.training.ahead import Ahead
from orchestrator.training.ranks import Ranks


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batches:
    """The training split, on the device or decoded as it is needed.

    Attributes:
        read: the images of a step, not yet moved, and their labels: ``images_BCHW`` and ``labels_B``.
    """

    dataset: Dataset
    source: _Source
    read: Callable[[int], tuple[Tensor, Tensor]]

    @classmethod
    def on_device(cls, dataset: Dataset, recipe: Recipe, *, seed: int, ranks: Ranks) -> Batches:
        """Copies the training split to the device, unless it is there or streamed.

        Raises:
            ValueError: the batch is larger than the split, or leaves a rank less than the 2 images that norms need.
        """
        num_images = len(dataset.train)
        if not 2 * ranks.world_size <= recipe.batch_size <= num_images:
            raise ValueError(
                f"batch_size = {recipe.batch_size}: must be in [{2 * ranks.world_size}, {num_images}] "
                f"for {num_images} images and {ranks.world_size} ranks"
            )
        split = dataset.train.to(ranks.device)
        # Two epochs at a time, while one ends and the next is read ahead, and the first, of which samples are.
        order = functools.lru_cache(maxsize=3)(functools.partial(_order, split, seed))
        source = _Source(split=split, recipe=recipe, seed=seed, ranks=ranks, order=order)
        num_steps = recipe.epochs * source.steps_per_epoch
        read = Ahead(source.read, num_steps=num_steps) if split.is_streamed else source.read
        return cls(dataset=dataset, source=source, read=read)

    @property
    def recipe(self) -> Recipe:
        return self.source.recipe

    @property
    def seed(self) -> int:
        return self.source.seed

    @property
    def ranks(self) -> Ranks:
        return self.source.ranks

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches only; which images are left over changes from epoch to epoch."""
        return self.source.steps_per_epoch

    @property
    def min_shard_size(self) -> int:
        """Images of a step on the rank that has the fewest."""
        return self.recipe.batch_size // self.ranks.world_size

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """This rank's input and labels of a step: ``input_BCHW`` and ``labels_B``."""
        images_BCHW, labels_B = self.read(step)
        device = self.ranks.device
        return self._augmented(images_BCHW.to(device), step), labels_B.to(device)

    def blank(self) -> tuple[Tensor, Tensor]:
        """As ``at`` gives them on the rank that has the most, of black images of the first class."""
        task, ranks = self.dataset.task, self.ranks
        num_images = -(-self.recipe.batch_size // ranks.world_size)
        shape = (num_images, task.in_channels, task.image_size, task.image_size)
        images_BCHW = torch.zeros(shape, dtype=torch.uint8, device=ranks.device)
        return self.dataset.normalised(images_BCHW), torch.zeros(num_images, dtype=torch.int64, device=ranks.device)

    def sample(self, num_images: int) -> Tensor:
        """This rank's share of some images, the same ones in every epoch, not augmented: ``images_BCHW``."""
        rows_N = self.source.order(0)[:num_images]
        return self.source.split.images(rows_N[self.ranks.shard(len(rows_N))]).to(self.ranks.device)

    def _augmented(self, images_BCHW: Tensor, step: int) -> Tensor:
        """Everything is drawn for the whole batch, on the CPU: equal on every device and number of ranks."""
        recipe, shard = self.recipe, self.source.shard
        generator = Generator().manual_seed(derive_seed(self.seed, "augmentation", step))
        if recipe.max_shift or recipe.flip:
            moves = draw_moves(recipe.batch_size, max_shift=recipe.max_shift, flip=recipe.flip, generator=generator)
            images_BCHW = move(images_BCHW, moves[shard])
        input_BCHW = self.dataset.normalised(images_BCHW)
        if recipe.cutout:
            image_size = self.dataset.task.image_size
            centres_2B = draw_centres(recipe.batch_size, image_size=image_size, generator=generator)
            cut_out(input_BCHW, centres_2B[:, shard], side=recipe.cutout)
        return input_BCHW


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Source:
    """Where this rank's images of a step come from.

    Attributes:
        order: the rows of an epoch, ``order_N``.
    """

    split: Split
    recipe: Recipe
    seed: int
    ranks: Ranks
    order: Callable[[int], Tensor]

    @property
    def steps_per_epoch(self) -> int:
        return len(self.split) // self.recipe.batch_size

    @property
    def shard(self) -> slice:
        return self.ranks.shard(self.recipe.batch_size)

    def read(self, step: int) -> tuple[Tensor, Tensor]:
        """Called in a thread where images are streamed."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        start = step_in_epoch * self.recipe.batch_size
        rows_B = self.order(epoch)[start : start + self.recipe.batch_size][self.shard]
        rows_B = rows_B.to(self.split.labels_N.device)
        return self._images(rows_B, step), self.split.labels_N[rows_B]

    def _images(self, rows_B: Tensor, step: int) -> Tensor:
        min_area = self.recipe.min_crop_area
        if not min_area:
            return self.split.images(rows_B)
        generator = Generator().manual_seed(derive_seed(self.seed, "crops", step))
        crops = draw_crops(self.recipe.batch_size, min_area=min_area, generator=generator)
        return self.split.crops(rows_B, crops.shard(self.shard))


def _order(split: Split, seed: int, epoch: int) -> Tensor:
    return split.order(Generator().manual_seed(derive_seed(seed, "order", epoch)))
