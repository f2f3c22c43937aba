"""All that changes while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from orchestrator.config.settings import Recipe
from orchestrator.training.checkpoint import Progress, load_latest
from orchestrator.training.flat import FlatNetwork, flatten
from orchestrator.training.optimizer import Optimizer
from orchestrator.training.ranks import Ranks
from orchestrator.training.schedule import average_decay, learning_rate


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingState:
    """A network, its average and its optimiser.

    Attributes:
        average_V: exponential average of the network's weights, with batch norm's statistics for them.
        losses_S: of each step of the current epoch.
    """

    recipe: Recipe
    network: FlatNetwork
    average_V: Tensor
    optimizer: Optimizer
    losses_S: Tensor

    @classmethod
    def fresh(cls, model: nn.Module, recipe: Recipe, *, steps_per_epoch: int, device: torch.device) -> TrainingState:
        network = flatten(model, device)
        return cls(
            recipe=recipe,
            network=network,
            average_V=network.values_V.clone(),
            optimizer=Optimizer.of(recipe, network),
            losses_S=torch.zeros(steps_per_epoch, device=device),
        )

    @property
    def steps_per_epoch(self) -> int:
        return len(self.losses_S)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds; writing into these restores the state."""
        return {
            "values": self.network.values_V,
            "counters": self.network.counters_K,
            "average": self.average_V,
            "losses": self.losses_S,
            **self.optimizer.tensors,
        }

    def restore(self, directory: Path, ranks: Ranks) -> Progress:
        """Rank 0 reads its last checkpoint, if there is one, and all ranks go on from it."""
        found = load_latest(directory, self.tensors) if ranks.is_first else None
        progress: Progress = ranks.broadcast_value(found) or Progress()
        if progress.step:
            for tensor in self.tensors.values():
                ranks.broadcast(tensor)
        return progress

    def update(self, step: int) -> None:
        """Takes the gradients' step and moves the average."""
        self.optimizer.step(learning_rate(self.recipe, step, steps_per_epoch=self.steps_per_epoch))
        self.network.gradients_P.zero_()
        weights_P = self.network.weights_P
        self.average_V[: len(weights_P)].lerp_(weights_P, 1 - average_decay(self.recipe, step))
