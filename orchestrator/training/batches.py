"""A rank's share of every training step; step k is the same whatever ran before, on every number of ranks.

Legend: N images of the split, B of this rank's share of a step, C channels, H height, W width.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import Recipe
from orchestrator.data.augment import draw_moves, move
from orchestrator.data.dataset import Dataset, Split
from orchestrator.training.ranks import Ranks


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batches:
    """The training split, on the device."""

    dataset: Dataset
    split: Split
    recipe: Recipe
    seed: int
    ranks: Ranks

    @classmethod
    def on_device(cls, dataset: Dataset, recipe: Recipe, *, seed: int, ranks: Ranks) -> Batches:
        """Copies the training split to the device, unless it is there.

        Raises:
            ValueError: the batch is larger than the split, or leaves a rank less than the 2 images that norms need.
        """
        num_images = len(dataset.train)
        if not 2 * ranks.world_size <= recipe.batch_size <= num_images:
            raise ValueError(
                f"batch_size = {recipe.batch_size}: must be in [{2 * ranks.world_size}, {num_images}] "
                f"for {num_images} images and {ranks.world_size} ranks"
            )
        return cls(dataset=dataset, split=dataset.train.to(ranks.device), recipe=recipe, seed=seed, ranks=ranks)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches only; which images are left over changes from epoch to epoch."""
        return len(self.split) // self.recipe.batch_size

    @property
    def min_shard_size(self) -> int:
        """Images of a step on the rank that has the fewest."""
        return self.recipe.batch_size // self.ranks.world_size

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """This rank's input and labels of a step: ``input_BCHW`` and ``labels_B``."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        start = step_in_epoch * self.recipe.batch_size
        order_N = _order(self.seed, epoch, len(self.split))
        shard = self.ranks.shard(self.recipe.batch_size)
        rows_B = order_N[start : start + self.recipe.batch_size][shard].to(self.ranks.device)
        images_BCHW = self._augmented(self.split.images_NCHW[rows_B], step, shard)
        return self.dataset.normalised(images_BCHW), self.split.labels_N[rows_B]

    def sample(self, num_images: int) -> Tensor:
        """This rank's share of some images, the same ones in every epoch, not augmented: ``images_BCHW``."""
        rows_N = _order(self.seed, 0, len(self.split))[:num_images]
        return self.split.images_NCHW[rows_N[self.ranks.shard(len(rows_N))].to(self.ranks.device)]

    def _augmented(self, images_BCHW: Tensor, step: int, shard: slice) -> Tensor:
        recipe = self.recipe
        if not (recipe.max_shift or recipe.flip):
            return images_BCHW
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augmentation", step))
        moves = draw_moves(recipe.batch_size, max_shift=recipe.max_shift, flip=recipe.flip, generator=generator)
        return move(images_BCHW, moves[shard])


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, num_images: int) -> Tensor:
    """The order of an epoch's images."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(num_images, generator=generator)
