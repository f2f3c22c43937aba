"""MobileNet in torch, with torchvision's names, numerics and initialisation.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from search_spaces.layers import ImageClassifier, batch_norms, mean_over_pixels, recompute
from search_spaces.mobilenet.architecture import Block, MobileNetArchitecture

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hardswish": nn.Hardswish}


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, where one is named, activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        activation: str,
        *,
        version: str,
        kernel_size: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False
        )
        layers: list[nn.Module] = [conv, _norm(out_channels, version)]
        if activation:
            layers.append(_ACTIVATIONS[activation](inplace=True))
        super().__init__(*layers)


class SqueezeExcite(nn.Module):
    """Weighs each channel by what the means of all channels say (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """The same shape."""
        weights_BC11 = self.fc2(self.activation(self.fc1(self.avgpool(features_BCHW))))
        scaled_BCHW: Tensor = self.scale_activation(weights_BC11) * features_BCHW
        return scaled_BCHW


class MobileBlock(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut around them where shapes allow it."""

    def __init__(self, block: Block, version: str) -> None:
        super().__init__()
        # Both names are torchvision's: its two versions were written years apart.
        self.path = "conv" if version == "v2" else "block"
        self.add_module(self.path, nn.Sequential(*_block_layers(block, version)))
        self.is_residual = block.is_residual
        self.grad_checkpointing = False

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """The features of the next block."""
        if self.grad_checkpointing and self.training:
            return recompute(self._forward, features_BCHW, norms=batch_norms(self))
        return self._forward(features_BCHW)

    def _forward(self, features_BCHW: Tensor) -> Tensor:
        output_BCHW: Tensor = getattr(self, self.path)(features_BCHW)
        if self.is_residual:
            output_BCHW += features_BCHW
        return output_BCHW


class MobileNet(ImageClassifier):
    """A network of depthwise separable convolutions (Howard et al. 2017, Sandler et al. 2018, Howard et al. 2019)."""

    def __init__(self, architecture: MobileNetArchitecture) -> None:
        features, classifier = _feature_layers(architecture), _classifier_layers(architecture)
        super().__init__(
            architecture,
            num_features=architecture.num_features,
            classifier_name=f"classifier.{len(classifier) - 1}",
        )
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)
        for module in self.modules():
            _init_weights(module)

    def forward_features(self, image_BCHW: Tensor) -> Tensor:
        features_BCHW: Tensor = self.features(image_BCHW)
        return features_BCHW

    def forward_head(self, features_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.classifier(mean_over_pixels(features_BCHW))
        return logits_BK

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 (timm's)
        for module in self.modules():
            if isinstance(module, MobileBlock):
                module.grad_checkpointing = enable

    def init_classifier(self, classifier: nn.Linear) -> None:
        _init_weights(classifier)


def _feature_layers(architecture: MobileNetArchitecture) -> list[nn.Module]:
    conv_norm = partial(ConvNorm, version=architecture.version)
    activation, channels = architecture.edge_activation, architecture.stem_channels
    stem_stride = 1 if architecture.stem == "cifar" else 2
    layers: list[nn.Module] = [
        conv_norm(architecture.in_channels, channels, activation, kernel_size=3, stride=stem_stride)
    ]
    for stage in architecture.blocks:
        for block in stage:
            layers.append(MobileBlock(block, architecture.version))
            channels = block.out_channels
    if architecture.version != "v1":
        layers.append(conv_norm(channels, architecture.num_features, activation))
    return layers


def _block_layers(block: Block, version: str) -> list[nn.Module]:
    conv_norm = partial(ConvNorm, version=version)
    expanded = block.expanded_channels
    layers: list[nn.Module] = []
    if expanded != block.in_channels:
        layers.append(conv_norm(block.in_channels, expanded, block.activation))
    depthwise = partial(conv_norm, kernel_size=block.kernel_size, stride=block.stride, groups=expanded)
    layers.append(depthwise(expanded, expanded, block.activation))
    if block.squeeze_channels:
        layers.append(SqueezeExcite(expanded, block.squeeze_channels))
    if version == "v2":
        layers.append(nn.Conv2d(expanded, block.out_channels, 1, bias=False))
        layers.append(_norm(block.out_channels, version))
    else:
        layers.append(conv_norm(expanded, block.out_channels, block.activation if version == "v1" else ""))
    return layers


def _classifier_layers(architecture: MobileNetArchitecture) -> list[nn.Module]:
    classes, drop_rate = architecture.num_classes, architecture.drop_rate
    features, hidden = architecture.num_features, architecture.hidden_features
    if not hidden:
        return [nn.Dropout(p=drop_rate), nn.Linear(features, classes)]
    return [
        nn.Linear(features, hidden),
        nn.Hardswish(inplace=True),
        nn.Dropout(p=drop_rate, inplace=True),
        nn.Linear(hidden, classes),
    ]


def _norm(channels: int, version: str) -> nn.BatchNorm2d:
    """Version 3 moves its statistics slowly and divides by more (Howard et al. 2019, sec. 6.1.1)."""
    return nn.BatchNorm2d(channels, eps=0.001, momentum=0.01) if version == "v3" else nn.BatchNorm2d(channels)


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)
