"""The optimiser of a recipe over a network's vectors.

Legend: as in flat.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from orchestrator.config.settings import OptimizerName, Recipe
from orchestrator.training.flat import FlatNetwork


def build_optimizer(recipe: Recipe, network: FlatNetwork) -> Optimizer:
    """SGD with Nesterov's momentum, or AdamW; norms and biases do not decay."""
    num_decaying = network.num_decaying
    decaying = _parameter(network.weights_P[:num_decaying], network.gradients_P[:num_decaying])
    plain = _parameter(network.weights_P[num_decaying:], network.gradients_P[num_decaying:])
    groups = [
        {"params": [decaying], "weight_decay": recipe.weight_decay},
        {"params": [plain], "weight_decay": 0.0},
    ]
    optimizer: Optimizer
    if recipe.optimizer is OptimizerName.SGD:
        nesterov = recipe.momentum > 0
        optimizer = SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov, fused=True)
    else:
        optimizer = AdamW(groups, lr=recipe.learning_rate, fused=True)
    _allocate_moments(optimizer)
    return optimizer


def moments(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory by name; writing into these tensors restores it."""
    return {
        f"{name}.{index}": value
        for index, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state[parameter].items()
    }


def set_learning_rate(optimizer: Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def _parameter(values: Tensor, gradients: Tensor) -> nn.Parameter:
    parameter = nn.Parameter(values)
    parameter.grad = gradients
    return parameter


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])


def _allocate_moments(optimizer: Optimizer) -> None:
    """Allocates now what torch would in its first step, so that memory runs out at once and a resume can fill it."""
    for parameter in _parameters(optimizer):
        if isinstance(optimizer, AdamW):
            optimizer.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        elif optimizer.defaults["momentum"]:
            optimizer.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter)}
