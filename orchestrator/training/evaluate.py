"""How well a network classifies a split.

Legend: B images of a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from orchestrator.data.dataset import Dataset, Split
from orchestrator.training.precision import autocast, choose_precision
from orchestrator.training.ranks import ALONE, Ranks

_BATCH_SIZE = 64
"""Small networks run fastest while a batch's activations stay in the cache, and large ones fill a device with this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Top-1 accuracy in [0, 1] and mean cross entropy over a whole split."""

    accuracy: float
    loss: float
    num_images: int


@torch.inference_mode()
def evaluate(
    model: nn.Module, split: Split, dataset: Dataset, *, ranks: Ranks = ALONE, batch_size: int = _BATCH_SIZE
) -> Evaluation:
    """Scores every image of one of the data set's splits once, each rank its share; all ranks get the whole result.

    The model is left as it was, in training or evaluation mode.
    """
    was_training = model.training
    model.eval()
    shard = ranks.shard(len(split))
    sums = torch.zeros(2, dtype=torch.float64, device=ranks.device)
    precision = choose_precision(ranks.device, dataset.task.image_size)
    for start in range(shard.start, shard.stop, batch_size):
        rows = slice(start, min(start + batch_size, shard.stop))
        images_BCHW, labels_B = split.images_NCHW[rows], split.labels_N[rows]
        with autocast(precision, ranks.device):
            logits_BK = model(dataset.normalised(images_BCHW.to(ranks.device))).float()
        targets_B = labels_B.to(ranks.device)
        sums[0] += (logits_BK.argmax(1) == targets_B).sum()
        sums[1] += functional.cross_entropy(logits_BK, targets_B, reduction="sum")
    model.train(was_training)
    num_correct, loss = ranks.add(sums).tolist()
    return Evaluation(accuracy=num_correct / len(split), loss=loss / len(split), num_images=len(split))
