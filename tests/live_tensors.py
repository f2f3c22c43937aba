"""Measures the memory of a training step: all tensors that are alive at once, on any device, also on ``meta``."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of all tensors that are made inside, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage() not in self.known:
                self._count(tensor.untyped_storage())
        self.peak = max(self.peak, self.now)
        return output

    def leave_out(self, tensor: torch.Tensor) -> None:
        self.known[tensor.untyped_storage()] = None

    def _count(self, storage: Any) -> None:
        self.known[storage] = None
        self.now += storage.nbytes()
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, num_bytes: int) -> None:
        self.now -= num_bytes


def measured_bytes(model: nn.Module, batch_size: int, side: int, *, device: str = "meta") -> int:
    """Peak of a training step, without parameters, their gradients and the batch itself."""
    image_BCHW = torch.zeros(batch_size, 3, side, side, device=device)
    label_B = torch.zeros(batch_size, dtype=torch.long, device=device)
    live = LiveTensors()
    for parameter in model.train().parameters():
        parameter.grad = torch.zeros_like(parameter)
        live.leave_out(parameter.grad)
    for tensor in (image_BCHW, label_B, *model.parameters(), *model.buffers()):
        live.leave_out(tensor)
    with live:
        functional.cross_entropy(model(image_BCHW), label_B).backward()
    return live.peak


def inference_bytes(model: nn.Module, image_BCHW: torch.Tensor) -> int:
    """Peak of a forward pass in evaluation mode, with parameters, buffers and the batch itself."""
    kept = [image_BCHW, *model.parameters(), *model.buffers()]
    live = LiveTensors()
    for tensor in kept:
        live.leave_out(tensor)
    with torch.no_grad(), live:
        model.eval()(image_BCHW)
    return live.peak + sum(tensor.nbytes for tensor in kept)
