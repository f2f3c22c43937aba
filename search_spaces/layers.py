"""Torch modules that the families share: the surface of every model, recomputation, initialisation.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from search_spaces.architecture import Architecture


class ImageClassifier(nn.Module, ABC):
    """What every network of this package offers, in the words that timm's users know.

    Attributes:
        architecture: what it was built from; ``reset_classifier`` keeps its ``num_classes`` true.
        num_features: channels of ``forward_features``.
        classifier_name: path of the last linear layer.
    """

    def __init__(self, architecture: Architecture, *, num_features: int, classifier_name: str) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_features = num_features
        self.classifier_name = classifier_name
        self._has_frozen_features = False

    @abstractmethod
    def forward_features(self, image_BCHW: Tensor) -> Tensor:
        """The last feature map, before it is averaged over its pixels."""

    @abstractmethod
    def forward_head(self, features_BCHW: Tensor) -> Tensor:
        """Logits of a feature map."""

    @abstractmethod
    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 (timm's)
        """Compute activations again in the backward pass instead of keeping them."""

    @abstractmethod
    def init_classifier(self, classifier: nn.Linear) -> None:
        """Fresh weights for the last linear layer, as the family has them."""

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Logits, of shape (B, K)."""
        return self.forward_head(self.forward_features(image_BCHW))

    def get_classifier(self) -> nn.Linear:
        """The last linear layer."""
        classifier = self.get_submodule(self.classifier_name)
        assert isinstance(classifier, nn.Linear)
        return classifier

    def reset_classifier(self, num_classes: int) -> None:
        """Puts a freshly initialised classifier of another width in place of the last linear layer."""
        architecture = self.architecture.replace(num_classes=num_classes)
        old = self.get_classifier()
        new = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
        self.init_classifier(new)
        self.set_submodule(self.classifier_name, new)
        self.architecture = architecture

    def freeze_features(self) -> None:
        """Leaves only the last linear layer to be trained; batch norm keeps its statistics even in training."""
        self.requires_grad_(requires_grad=False)
        self.get_classifier().requires_grad_(requires_grad=True)
        self._has_frozen_features = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 (torch's own signature)
        super().train(mode)
        if self._has_frozen_features:
            for module in batch_norms(self):
                module.eval()
        return self


def recompute(function: Callable[..., Tensor], *inputs: Tensor, norms: Iterable[nn.BatchNorm2d]) -> Tensor:
    """Runs ``function`` now without keeping what it makes, and again when gradients are asked for.

    Outputs, gradients and the running statistics of ``norms``, the batch norms that it runs, are as without it.
    (Checkpointing by itself moves the statistics twice; torchvision's ``memory_efficient`` does.)
    Nothing in ``function`` may be random.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)

    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), _statistics_kept(norms)

    output = checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
    assert isinstance(output, Tensor)
    return output


def batch_norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch norms in a module."""
    return [child for child in module.modules() if isinstance(child, nn.BatchNorm2d)]


def mean_over_pixels(features_BCHW: Tensor) -> Tensor:
    """Features of shape (B, C)."""
    return torch.flatten(functional.adaptive_avg_pool2d(features_BCHW, (1, 1)), 1)


@contextmanager
def _statistics_kept(norms: Iterable[nn.BatchNorm2d]) -> Iterator[None]:
    """Batch norms move copies of their running statistics, which are then thrown away.

    They can't simply do without: what autograd saved in the first run must be saved again in the second.
    """
    kept = [(norm, dict(norm.named_buffers(recurse=False))) for norm in norms]
    for norm, buffers in kept:
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
