"""ResNet in torch, with torchvision's names, numerics and initialisation.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import groupby

from torch import Tensor, nn
from torch.nn import functional

from search_spaces.layers import ImageClassifier, batch_norms, recompute
from search_spaces.resnet.architecture import Block, ResNetArchitecture


class ResidualBlock(nn.Module, ABC):
    """Convolutions with a shortcut around them."""

    downsample: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.grad_checkpointing = False

    @abstractmethod
    def residual(self, features_BCHW: Tensor) -> Tensor:
        """What is added to the shortcut."""

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """The sum, activated."""
        if self.grad_checkpointing and self.training:
            return recompute(self._forward, features_BCHW, norms=batch_norms(self))
        return self._forward(features_BCHW)

    def _forward(self, features_BCHW: Tensor) -> Tensor:
        sum_BCHW = self.residual(features_BCHW)
        sum_BCHW += self.downsample(features_BCHW)
        activated_BCHW: Tensor = self.relu(sum_BCHW)
        return activated_BCHW


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions."""

    def __init__(self, block: Block, _groups: int) -> None:
        super().__init__()
        width = block.width
        self.conv1 = nn.Conv2d(block.in_channels, width, kernel_size=3, stride=block.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, block.out_channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(block.out_channels)
        self.downsample = _shortcut(block)

    def residual(self, features_BCHW: Tensor) -> Tensor:
        features_BCHW = self.relu(self.bn1(self.conv1(features_BCHW)))
        residual_BCHW: Tensor = self.bn2(self.conv2(features_BCHW))
        return residual_BCHW


class Bottleneck(ResidualBlock):
    """A 1x1 convolution to fewer channels, a 3x3 (with the stride) and a 1x1 back to many."""

    def __init__(self, block: Block, groups: int) -> None:
        super().__init__()
        width = block.width
        self.conv1 = nn.Conv2d(block.in_channels, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=block.stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, block.out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(block.out_channels)
        self.downsample = _shortcut(block)

    def residual(self, features_BCHW: Tensor) -> Tensor:
        features_BCHW = self.relu(self.bn1(self.conv1(features_BCHW)))
        features_BCHW = self.relu(self.bn2(self.conv2(features_BCHW)))
        residual_BCHW: Tensor = self.bn3(self.conv3(features_BCHW))
        return residual_BCHW


class PaddedShortcut(nn.Module):
    """Every other pixel, with empty channels added: option A of He et al. 2016, sec. 3.3, without parameters."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.missing = out_channels - in_channels
        self.stride = stride

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """The shortcut in the shape of the residual; where it is narrower, the last channels are left out."""
        kept_BCHW = features_BCHW[:, :, :: self.stride, :: self.stride]
        return functional.pad(kept_BCHW, (0, 0, 0, 0, 0, self.missing))


class ResNet(ImageClassifier):
    """A residual network (He et al. 2016)."""

    def __init__(self, architecture: ResNetArchitecture) -> None:
        super().__init__(architecture, num_features=architecture.num_features, classifier_name="fc")
        channels, small = architecture.widths[0], architecture.stem == "cifar"
        kernel_size, stride = (3, 1) if small else (7, 2)
        self.conv1 = nn.Conv2d(
            architecture.in_channels, channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        block_type = BasicBlock if architecture.block == "basic" else Bottleneck
        self.stage_names: list[str] = []
        for name, blocks in groupby(architecture.blocks, key=lambda block: block.stage):
            self.add_module(name, nn.Sequential(*(block_type(block, architecture.groups) for block in blocks)))
            self.stage_names.append(name)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(self.num_features, architecture.num_classes)
        self._init_weights()

    def forward_features(self, image_BCHW: Tensor) -> Tensor:
        features_BCHW: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(image_BCHW))))
        for name in self.stage_names:
            features_BCHW = getattr(self, name)(features_BCHW)
        return features_BCHW

    def forward_head(self, features_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.fc(self.avgpool(features_BCHW).flatten(1))
        return logits_BK

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 (timm's)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.grad_checkpointing = enable

    def init_classifier(self, classifier: nn.Linear) -> None:
        classifier.reset_parameters()

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _shortcut(block: Block) -> nn.Module:
    if block.shortcut == "identity":
        return nn.Identity()
    if block.shortcut == "padding":
        return PaddedShortcut(block.in_channels, block.out_channels, block.stride)
    return nn.Sequential(
        nn.Conv2d(block.in_channels, block.out_channels, kernel_size=1, stride=block.stride, bias=False),
        nn.BatchNorm2d(block.out_channels),
    )
