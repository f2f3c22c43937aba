"""The gradients of one step, over all ranks and in as many parts as the memory asks for.

Legend: B images, C channels, H height, W width, K classes; others as in flat.py.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from orchestrator.config.seeds import derive_seed
from orchestrator.training.batches import Batches
from orchestrator.training.compilation import compile_if_worth
from orchestrator.training.convolution import steady_convolutions
from orchestrator.training.flat import FlatNetwork
from orchestrator.training.precision import Precision, autocast, choose_precision
from search_spaces.layers import ImageClassifier
from search_spaces.summary import activation_bytes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stepper:
    """Runs a network forward and backward.

    Attributes:
        replica: the network as it is called: itself, or with its gradients averaged over the ranks.
        is_compiled: its steps are.
    """

    network: FlatNetwork
    replica: nn.Module
    batches: Batches
    precision: Precision
    is_compiled: bool = False

    @classmethod
    def of(cls, network: FlatNetwork, batches: Batches) -> Stepper:
        precision = choose_precision(batches.ranks.device, batches.dataset.task.image_size)
        if batches.ranks.device.type == "cpu" and precision is Precision.BFLOAT16:
            steady_convolutions(network.module)
        is_compiled = compile_if_worth(network.module, batches)
        replica = network.module
        if batches.ranks.world_size > 1:
            # Training does not read batch norm's statistics, and evaluation has its own.
            replica = DistributedDataParallel(network.module, broadcast_buffers=False)
        return cls(network=network, replica=replica, batches=batches, precision=precision, is_compiled=is_compiled)

    def add_gradients(self, step: int, input_BCHW: Tensor, labels_B: Tensor, *, num_parts: int) -> Tensor:
        """Adds a step's gradients to the network's; returns this rank's share of the step's mean loss.

        Args:
            step: seeds what is random in the network.
            input_BCHW: with its labels what ``batches.at(step)`` gave.
        """
        self._seed_dropout(step)
        inputs, labels = input_BCHW.tensor_split(num_parts), labels_B.tensor_split(num_parts)
        losses = []
        with self._without_exchange():
            losses += [self._backward(inputs[part], labels[part]) for part in range(num_parts - 1)]
        losses.append(self._backward(inputs[-1], labels[-1]))
        return torch.stack(losses).sum()

    def try_largest_part(self, num_parts: int) -> None:
        """Does the first part of a step on black images and forgets it, to see whether it fits into the memory."""
        input_BCHW, labels_B = self.batches.blank()
        try:
            with self.uncompiled(), self.network.holding(self.network.values_V), self._without_exchange():
                self._backward(input_BCHW.tensor_split(num_parts)[0], labels_B.tensor_split(num_parts)[0])
        finally:
            self.network.gradients_P.zero_()

    def uncompiled(self) -> AbstractContextManager[object]:
        """Within it the network runs as it was written: what has other batch sizes would be compiled for each."""
        return torch.compiler.set_stance("force_eager") if self.is_compiled else nullcontext()

    def predicted_bytes(self, num_images: int) -> int:
        """What a part of so many images keeps for the backward pass, and its gradients; 0 for networks of no family."""
        module = self.network.module
        if not isinstance(module, ImageClassifier):
            return 0
        layers = module.architecture.layers(self.batches.dataset.task.image_size)
        float32_bytes = activation_bytes(layers, batch_size=num_images)
        return float32_bytes if self.precision is Precision.FLOAT32 else float32_bytes // 2

    def recompute(self) -> bool:
        """From now on computes activations again in the backward pass, where the network can; says whether it can."""
        module = self.network.module
        if isinstance(module, ImageClassifier):
            module.set_grad_checkpointing()
        return isinstance(module, ImageClassifier)

    def _backward(self, input_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        recipe, ranks = self.batches.recipe, self.batches.ranks
        with autocast(self.precision, ranks.device):
            logits_BK = self.replica(input_BCHW)
        loss = functional.cross_entropy(
            logits_BK.float(), labels_B, reduction="sum", label_smoothing=recipe.label_smoothing
        )
        # The whole batch's mean, whatever this rank's share of it is; the exchange divides gradients by the ranks.
        torch.autograd.backward(loss * (ranks.world_size / recipe.batch_size))
        return loss.detach() / recipe.batch_size

    def _seed_dropout(self, step: int) -> None:
        ranks = self.batches.ranks
        seed = derive_seed(self.batches.seed, f"dropout of rank {ranks.rank}", step)
        # torch.manual_seed() takes 0.4 ms and keeps a stack trace for each accelerator that is not there.
        if ranks.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        else:
            torch.default_generator.manual_seed(seed)

    def _without_exchange(self) -> AbstractContextManager[None]:
        return self.replica.no_sync() if isinstance(self.replica, DistributedDataParallel) else nullcontext()
