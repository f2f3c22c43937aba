"""What the averaged weights of a training are worth, after each epoch."""

from __future__ import annotations

import math

from torch import nn

from orchestrator.training.evaluate import Evaluation, evaluate
from orchestrator.training.precision import autocast
from orchestrator.training.state import TrainingState
from orchestrator.training.statistics import recompute_statistics
from orchestrator.training.step import Stepper

_NUM_STATISTICS_IMAGES = 512
"""Of the training split, for batch norm's statistics; 1,024 give equal accuracies on the digits."""


def validate_average(state: TrainingState, stepper: Stepper, *, num_parts: int) -> Evaluation:
    """Gives the average the statistics that belong to it and scores it on the validation split, over all ranks.

    The network itself is as before afterwards.
    """
    network, dataset = state.network, stepper.batches.dataset
    with stepper.uncompiled(), network.holding(state.average_V) as model:
        _set_statistics(model, stepper, num_parts=num_parts)
        state.average_V[len(network.weights_P) :] = network.buffers_Q
        evaluation = evaluate(model, dataset.validation, dataset, ranks=stepper.batches.ranks)
    model.train()
    return evaluation


def _set_statistics(model: nn.Module, stepper: Stepper, *, num_parts: int) -> None:
    """Each rank computes them on its share of the images, in parts that fit into the memory; all get the mean."""
    batches = stepper.batches
    sample_NCHW = batches.sample(_NUM_STATISTICS_IMAGES)
    num_batches = math.ceil(len(sample_NCHW) * num_parts / batches.min_shard_size)
    num_batches = min(num_batches, len(sample_NCHW) // 2)  # a norm of one pixel needs two images
    with autocast(stepper.precision, batches.ranks.device):
        recompute_statistics(model, map(batches.dataset.normalised, sample_NCHW.tensor_split(num_batches)))
    batches.ranks.add(stepper.network.buffers_Q.div_(batches.ranks.world_size))
