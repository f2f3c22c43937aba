"""How well a network classifies a split.

Legend: N images of the split, B images of a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.data.dataset import Dataset
from orchestrator.data.split import Split
from orchestrator.scores import MIN_CLASSES_FOR_TOP5, ClassificationScore
from orchestrator.training.ahead import Ahead
from orchestrator.training.precision import autocast, choose_precision
from orchestrator.training.ranks import ALONE, Ranks

_BATCH_SIZE = 64
"""Small networks run fastest while a batch's activations stay in the cache, and large ones fill a device with this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Top-1 and top-5 accuracy in [0, 1] and mean cross entropy over a whole split; no top-5 below 6 classes."""

    accuracy: float
    top5_accuracy: float | None
    loss: float
    num_images: int


@torch.inference_mode()
def evaluate(
    model: nn.Module, split: Split, dataset: Dataset, *, ranks: Ranks = ALONE, batch_size: int = _BATCH_SIZE
) -> Evaluation:
    """Scores every image of one of the data set's splits once, each rank its share; all ranks get the whole result.

    The model is left as it was, in training or evaluation mode.
    """
    sums = torch.zeros(3, dtype=torch.float64, device=ranks.device)
    for logits_BK, labels_B in _outputs(model, split, dataset, ranks=ranks, batch_size=batch_size):
        sums += _sums(logits_BK, labels_B)
    num_right, num_in_top5, loss = ranks.add(sums).tolist()
    return Evaluation(
        accuracy=num_right / len(split),
        top5_accuracy=num_in_top5 / len(split) if _has_top5(dataset) else None,
        loss=loss / len(split),
        num_images=len(split),
    )


@torch.inference_mode()
def score_classes(
    model: nn.Module, split: Split, dataset: Dataset, *, ranks: Ranks = ALONE, batch_size: int = _BATCH_SIZE
) -> ClassificationScore:
    """The same with every pair of a label and a prediction counted."""
    num_classes = dataset.task.num_classes
    sums = torch.zeros(3, dtype=torch.float64, device=ranks.device)
    counts_KK = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=ranks.device)
    for logits_BK, labels_B in _outputs(model, split, dataset, ranks=ranks, batch_size=batch_size):
        sums += _sums(logits_BK, labels_B)
        counts_KK.index_put_((labels_B, logits_BK.argmax(1)), counts_KK.new_ones(()), accumulate=True)
    _, num_in_top5, loss = ranks.add(sums).tolist()
    return ClassificationScore(
        class_names=dataset.class_names,
        confusion_KK=tuple(map(tuple, ranks.add(counts_KK).tolist())),
        loss=loss / len(split),
        top5_accuracy=num_in_top5 / len(split) if _has_top5(dataset) else None,
    )


def _outputs(
    model: nn.Module, split: Split, dataset: Dataset, *, ranks: Ranks, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """``logits_BK`` and ``labels_B`` of this rank's share, batch by batch."""
    shard = ranks.shard(len(split))
    precision = choose_precision(ranks.device, dataset.task.image_size)
    starts = range(shard.start, shard.stop, batch_size)
    rows = [torch.arange(start, min(start + batch_size, shard.stop)) for start in starts]

    def read(batch: int) -> Tensor:
        return split.images(rows[batch])

    images_of = Ahead(read, num_steps=len(rows)) if split.is_streamed else read
    was_training = model.training
    model.eval()
    try:
        for batch, rows_B in enumerate(rows):
            input_BCHW = dataset.normalised(images_of(batch).to(ranks.device))
            with autocast(precision, ranks.device):
                logits_BK = model(input_BCHW).float()
            yield logits_BK, split.labels_N[rows_B.to(split.labels_N.device)].to(ranks.device)
    finally:
        model.train(was_training)


def _sums(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Images in the right class, images whose class is among the best five, cross entropy."""
    best_B5 = logits_BK.topk(min(5, logits_BK.shape[1])).indices
    is_right_B = logits_BK.argmax(1) == labels_B
    is_in_top5_B = (best_B5 == labels_B[:, None]).any(1)
    loss = functional.cross_entropy(logits_BK, labels_B, reduction="sum")
    return torch.stack([is_right_B.sum(), is_in_top5_B.sum(), loss]).double()


def _has_top5(dataset: Dataset) -> bool:
    return dataset.task.num_classes >= MIN_CLASSES_FOR_TOP5
