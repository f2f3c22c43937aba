"""Whether a training is long enough for torch.compile to pay, foretold from the network, so that a resume agrees."""

from __future__ import annotations

from torch import nn

from orchestrator.training.batches import Batches
from search_spaces.layers import ImageClassifier

_FLOPS_PER_MAC = 6
"""Of a training step: 2 forward and 4 backward."""

_FLOPS_PER_S = 30e12
"""Assumed of uncompiled convolutions in bfloat16: a tenth of the peak in an A100's data sheet."""

_COMPILATION_S_PER_CONVOLUTION = 1.0
"""Assumed of the kernels forward and backward; ``python -m tests.benchmarks.step --compile`` measures it on a GPU."""

_SAVED_SHARE = 0.2
"""Assumed of the steps' time. Ansel et al. 2024 ("PyTorch 2") find training 1.41 times as fast in the geometric mean of
180 networks on an A100; convolutional ones gain less, because most of their time is cuDNN's either way."""


def compile_if_worth(module: nn.Module, batches: Batches) -> bool:
    """Compiles a network's training step in place where that saves at least twice its cost; says whether it did.

    Never on a CPU: networks take 1.3 times as long there, after minutes of compilation.
    """
    if batches.ranks.device.type != "cuda" or not isinstance(module, ImageClassifier):
        return False
    is_worth = _saved_s(module, batches) > 2 * compilation_s(module)
    if is_worth:
        compile_step(module)
    return is_worth


def compile_step(module: nn.Module) -> None:
    """From its next call on; one batch size, since the last images of an epoch that fill none are left out."""
    module.compile(dynamic=False)


def compilation_s(module: nn.Module) -> float:
    """Once for each attempt, in round figures."""
    return _COMPILATION_S_PER_CONVOLUTION * sum(isinstance(layer, nn.Conv2d) for layer in module.modules())


def _saved_s(module: ImageClassifier, batches: Batches) -> float:
    macs = module.architecture.macs(batches.dataset.task.image_size)
    num_images = batches.steps_per_epoch * batches.recipe.epochs * batches.min_shard_size
    return _SAVED_SHARE * _FLOPS_PER_MAC * macs * num_images / _FLOPS_PER_S
