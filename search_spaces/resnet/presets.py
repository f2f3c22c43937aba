"""ResNets by name, with ResNeXt and wide ResNets.

resnet18, resnet34, resnet50, resnet101, resnet152     He et al. 2016, arXiv:1512.03385, table 1
resnet20_cifar, resnet32_cifar, resnet44_cifar,
resnet56_cifar, resnet110_cifar                        He et al. 2016, table 6
resnext50_32x4d                                        Xie et al. 2017, arXiv:1611.05431, table 1
resnext101_32x8d, resnext101_64x4d                     as table 1 of Xie et al. 2017, larger; torchvision
wide_resnet50_2, wide_resnet101_2                      Zagoruyko and Komodakis 2016, arXiv:1605.07146, table 8
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.resnet.architecture import ResNetArchitecture


def _cifar(depth: int) -> ResNetArchitecture:
    """ResNet-(6n + 2) for 32x32 images, of sec. 4.2: three stages of n blocks, shortcuts of option A."""
    return ResNetArchitecture(
        num_classes=10,
        depths=((depth - 2) // 6,) * 3,
        widths=(16, 32, 64),
        shortcut="padding",
        stem="cifar",
    )


def _bottleneck(depths: tuple[int, ...], groups: int = 1, width_per_group: int = 64) -> ResNetArchitecture:
    return ResNetArchitecture(block="bottleneck", depths=depths, groups=groups, width_per_group=width_per_group)


PRESETS: Mapping[str, ResNetArchitecture] = {
    "resnet18": ResNetArchitecture(),
    "resnet34": ResNetArchitecture(depths=(3, 4, 6, 3)),
    "resnet50": _bottleneck((3, 4, 6, 3)),
    "resnet101": _bottleneck((3, 4, 23, 3)),
    "resnet152": _bottleneck((3, 8, 36, 3)),
    "resnext50_32x4d": _bottleneck((3, 4, 6, 3), 32, 4),
    "resnext101_32x8d": _bottleneck((3, 4, 23, 3), 32, 8),
    "resnext101_64x4d": _bottleneck((3, 4, 23, 3), 64, 4),
    "wide_resnet50_2": _bottleneck((3, 4, 6, 3), 1, 128),
    "wide_resnet101_2": _bottleneck((3, 4, 23, 3), 1, 128),
    "resnet20_cifar": _cifar(20),
    "resnet32_cifar": _cifar(32),
    "resnet44_cifar": _cifar(44),
    "resnet56_cifar": _cifar(56),
    "resnet110_cifar": _cifar(110),
}
"""Networks by name; where each stands in the literature is said at the top of this file."""
