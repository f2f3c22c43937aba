"""DenseNet in torch, with torchvision's names, numerics and initialisation.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.layers import ImageClassifier, mean_over_pixels, recompute


class DenseLayer(nn.Module):
    """Batch norm, ReLU and convolution, once (3x3) or twice (1x1 bottleneck, then 3x3), of all outputs before it."""

    def __init__(self, in_channels: int, architecture: DenseNetArchitecture) -> None:
        super().__init__()
        width, growth_rate = architecture.bottleneck_channels, architecture.growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        if width:
            self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.relu2 = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth_rate, kernel_size=3, padding=1, bias=False)
        self.has_bottleneck = width > 0
        self.drop_rate = architecture.drop_rate
        self.memory_efficient = architecture.memory_efficient

    def forward(self, features: list[Tensor]) -> Tensor:
        """The layer's own channels, from the list of all outputs before it."""
        if self.memory_efficient and self.training:
            new_BCHW = recompute(self._first_conv, *features, norms=[self.norm1])
        else:
            new_BCHW = self._first_conv(*features)
        if self.has_bottleneck:
            new_BCHW = self.conv2(self.relu2(self.norm2(new_BCHW)))
        if self.drop_rate > 0:
            new_BCHW = functional.dropout(new_BCHW, p=self.drop_rate, training=self.training)
        return new_BCHW

    def _first_conv(self, *features: Tensor) -> Tensor:
        # What is as wide as all layers before it lies in here. Recomputing ends before the convolution itself,
        # whose inputs are all that the backward pass asks for.
        output: Tensor = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return output


class DenseBlock(nn.ModuleDict):
    """Layers that each read the outputs of all before them."""

    def __init__(self, num_layers: int, in_channels: int, architecture: DenseNetArchitecture) -> None:
        super().__init__()
        for index in range(num_layers):
            layer = DenseLayer(in_channels + index * architecture.growth_rate, architecture)
            self.add_module(f"denselayer{index + 1}", layer)

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """All outputs of the block and its input, one behind the other."""
        features = [features_BCHW]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class Transition(nn.Sequential):
    """Fewer channels, and half as many pixels a side."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(ImageClassifier):
    """A densely connected network (Huang et al. 2017)."""

    def __init__(self, architecture: DenseNetArchitecture) -> None:
        channels = architecture.num_init_features
        features = nn.Sequential(_stem(architecture))
        for index, num_layers in enumerate(architecture.block_config, start=1):
            features.add_module(f"denseblock{index}", DenseBlock(num_layers, channels, architecture))
            channels += num_layers * architecture.growth_rate
            if index < len(architecture.block_config):
                narrower = architecture.transition_channels[index - 1]
                features.add_module(f"transition{index}", Transition(channels, narrower))
                channels = narrower
        features.add_module("norm5", nn.BatchNorm2d(channels))
        super().__init__(architecture, num_features=channels, classifier_name="classifier")
        self.features = features
        self.classifier = nn.Linear(channels, architecture.num_classes)
        self._init_weights()

    def forward_features(self, image_BCHW: Tensor) -> Tensor:
        return functional.relu(self.features(image_BCHW), inplace=True)

    def forward_head(self, features_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.classifier(mean_over_pixels(features_BCHW))
        return logits_BK

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 (timm's)
        for module in self.modules():
            if isinstance(module, DenseLayer):
                module.memory_efficient = enable

    def init_classifier(self, classifier: nn.Linear) -> None:
        nn.init.zeros_(classifier.bias)

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        self.init_classifier(self.classifier)


def _stem(architecture: DenseNetArchitecture) -> OrderedDict[str, nn.Module]:
    channels = architecture.num_init_features
    if architecture.stem == "cifar":
        conv = nn.Conv2d(architecture.in_channels, channels, kernel_size=3, padding=1, bias=False)
        return OrderedDict(conv0=conv)
    return OrderedDict(
        conv0=nn.Conv2d(architecture.in_channels, channels, kernel_size=7, stride=2, padding=3, bias=False),
        norm0=nn.BatchNorm2d(channels),
        relu0=nn.ReLU(inplace=True),
        pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )
