"""The optimiser of a recipe over a network's vectors.

Legend: P and V as in flat.py, G the weights of one group.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# torch's optimisers as functions: building the first object of its classes imports torch._dynamo, for 2 to 5 s.
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from orchestrator.config.settings import OptimizerName, Recipe
from orchestrator.training.flat import FlatNetwork

_ADAMW_BETAS = (0.9, 0.999)
_ADAMW_EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Group:
    """Weights that decay alike, with the memory that the optimiser has of them."""

    weights_G: Tensor
    gradients_G: Tensor
    weight_decay: float
    moments: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Optimizer:
    """SGD with Nesterov's momentum, or AdamW; norms and biases do not decay."""

    recipe: Recipe
    groups: tuple[_Group, ...]

    @classmethod
    def of(cls, recipe: Recipe, network: FlatNetwork) -> Optimizer:
        """Allocates its memory at once, so that a shortage shows before the first step and a resume can fill it."""
        decaying, plain = slice(network.num_decaying), slice(network.num_decaying, None)
        groups = (_group(recipe, network, decaying, recipe.weight_decay), _group(recipe, network, plain, 0.0))
        return cls(recipe=recipe, groups=groups)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its memory by name; writing into these restores it."""
        return {f"{name}.{i}": tensor for i, group in enumerate(self.groups) for name, tensor in group.moments.items()}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Moves the weights by their gradients."""
        take_step = _sgd_step if self.recipe.optimizer is OptimizerName.SGD else _adamw_step
        for group in self.groups:
            if len(group.weights_G):
                take_step(group, self.recipe, learning_rate)


def _group(recipe: Recipe, network: FlatNetwork, places: slice, weight_decay: float) -> _Group:
    weights_G, gradients_G = network.weights_P[places], network.gradients_P[places]
    moments = {"momentum": torch.zeros_like(weights_G)}
    if recipe.optimizer is OptimizerName.ADAMW:
        moments |= {"square": torch.zeros_like(weights_G), "step": torch.zeros((), device=weights_G.device)}
    return _Group(weights_G=weights_G, gradients_G=gradients_G, weight_decay=weight_decay, moments=moments)


def _sgd_step(group: _Group, recipe: Recipe, learning_rate: float) -> None:
    sgd(
        [group.weights_G],
        [group.gradients_G],
        [group.moments["momentum"]],
        fused=True,
        lr=learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        weight_decay=group.weight_decay,
        dampening=0.0,
        maximize=False,
    )


def _adamw_step(group: _Group, _recipe: Recipe, learning_rate: float) -> None:
    beta1, beta2 = _ADAMW_BETAS
    adamw(
        [group.weights_G],
        [group.gradients_G],
        [group.moments["momentum"]],
        [group.moments["square"]],
        [],
        [group.moments["step"]],
        fused=True,
        lr=learning_rate,
        beta1=beta1,
        beta2=beta2,
        eps=_ADAMW_EPSILON,
        weight_decay=group.weight_decay,
        amsgrad=False,
        maximize=False,
    )
