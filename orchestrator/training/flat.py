"""All numbers of a network in one vector, so that averaging, saving and exchanging them is one operation each.

Legend: V all floating-point values, P those that are trained, Q those that are not, K counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_ALIGNMENT = 16
"""Values that each tensor's place is rounded up to: 64 bytes, the widest vector load."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FlatNetwork:
    """A network whose tensors are views of these vectors.

    Attributes:
        values_V: weights and buffers, one after the other.
        weights_P: what is trained, first those that decay.
        buffers_Q: what is not trained: batch norm's statistics, and weights that are frozen.
        gradients_P: of the weights; a backward pass adds to it, and whoever steps sets it to 0.
        counters_K: integer buffers, such as the number of batches that a batch norm has seen.
    """

    module: nn.Module
    values_V: Tensor
    weights_P: Tensor
    buffers_Q: Tensor
    gradients_P: Tensor
    counters_K: Tensor
    num_decaying: int

    @contextmanager
    def holding(self, values_V: Tensor) -> Iterator[nn.Module]:
        """Lends the network other values; afterwards it has its own again, whatever was done to them."""
        own_V, own_K = self.values_V.clone(), self.counters_K.clone()
        self.values_V.copy_(values_V)
        try:
            yield self.module
        finally:
            self.values_V.copy_(own_V)
            self.counters_K.copy_(own_K)


@torch.no_grad()
def flatten(module: nn.Module, device: torch.device) -> FlatNetwork:
    """Moves a network's tensors into vectors on the device; four-dimensional weights get their channels last."""
    module.to(device)
    weights = [parameter for parameter in module.parameters() if parameter.requires_grad]
    # Norms' weights and all biases do not decay (He et al. 2019, "Bag of tricks", sec. 3.1).
    decaying = [weight for weight in weights if weight.ndim > 1]
    trained = [*decaying, *(weight for weight in weights if weight.ndim <= 1)]
    frozen = [parameter for parameter in module.parameters() if not parameter.requires_grad]
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    counters = [buffer for buffer in module.buffers() if buffer.dtype is torch.int64]
    values_V = torch.zeros(_num_places([*trained, *frozen, *buffers]), device=device)
    gradients_P = torch.zeros(_num_places(trained), device=device)
    counters_K = torch.zeros(_num_places(counters), dtype=torch.int64, device=device)
    _move([*trained, *frozen, *buffers], values_V)
    _move(counters, counters_K)
    for weight, gradient in zip(trained, _views(trained, gradients_P), strict=True):
        weight.grad = gradient
    return FlatNetwork(
        module=module,
        values_V=values_V,
        weights_P=values_V[: len(gradients_P)],
        buffers_Q=values_V[len(gradients_P) :],
        gradients_P=gradients_P,
        counters_K=counters_K,
        num_decaying=_num_places(decaying),
    )


def _num_places(tensors: Sequence[Tensor]) -> int:
    return sum(_num_aligned(tensor) for tensor in tensors)


def _num_aligned(tensor: Tensor) -> int:
    return -(-tensor.numel() // _ALIGNMENT) * _ALIGNMENT


def _move(tensors: Sequence[Tensor], vector: Tensor) -> None:
    for tensor, view in zip(tensors, _views(tensors, vector), strict=True):
        view.copy_(tensor)
        tensor.data = view


def _views(tensors: Sequence[Tensor], vector: Tensor) -> Iterator[Tensor]:
    """Each tensor's place in the vector, in its shape."""
    start = 0
    for tensor in tensors:
        place = vector[start : start + tensor.numel()]
        if tensor.ndim == 4:
            outputs, inputs, height, width = tensor.shape
            yield place.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
        else:
            yield place.view(tensor.shape)
        start += _num_aligned(tensor)
