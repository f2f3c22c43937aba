"""DenseNets by name. Huang et al. 2017 is arXiv:1608.06993.

densenet121, densenet169, densenet201, densenet264     Huang et al. 2017, table 1
densenet161                                            as table 1 with k = 48; the authors' repository, and torchvision
densenet40_k12_cifar, densenet100_k12_cifar,
densenet100_k24_cifar                                  Huang et al. 2017, table 2: DenseNet
densenet_bc100_k12_cifar, densenet_bc250_k24_cifar,
densenet_bc190_k40_cifar                               Huang et al. 2017, table 2: DenseNet-BC
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.densenet.architecture import DenseNetArchitecture


def _cifar(depth: int, growth_rate: int) -> DenseNetArchitecture:
    """DenseNet (L, k) of table 2: three blocks, no bottleneck, no compression, 16 channels at first."""
    return DenseNetArchitecture(
        num_classes=10,
        growth_rate=growth_rate,
        block_config=((depth - 4) // 3,) * 3,
        compression=1.0,
        bn_size=0,
        num_init_features=16,
        stem="cifar",
    )


def _cifar_bc(depth: int, growth_rate: int) -> DenseNetArchitecture:
    """DenseNet-BC (L, k) of table 2: bottlenecks of 4k, theta = 0.5, 2k channels at first."""
    return DenseNetArchitecture(
        num_classes=10,
        growth_rate=growth_rate,
        block_config=((depth - 4) // 6,) * 3,
        num_init_features=2 * growth_rate,
        stem="cifar",
    )


PRESETS: Mapping[str, DenseNetArchitecture] = {
    "densenet121": DenseNetArchitecture(),
    "densenet161": DenseNetArchitecture(growth_rate=48, block_config=(6, 12, 36, 24), num_init_features=96),
    "densenet169": DenseNetArchitecture(block_config=(6, 12, 32, 32)),
    "densenet201": DenseNetArchitecture(block_config=(6, 12, 48, 32)),
    "densenet264": DenseNetArchitecture(block_config=(6, 12, 64, 48)),
    "densenet40_k12_cifar": _cifar(40, 12),
    "densenet100_k12_cifar": _cifar(100, 12),
    "densenet100_k24_cifar": _cifar(100, 24),
    "densenet_bc100_k12_cifar": _cifar_bc(100, 12),
    "densenet_bc250_k24_cifar": _cifar_bc(250, 24),
    "densenet_bc190_k40_cifar": _cifar_bc(190, 40),
}
"""Networks by name; where each stands in the literature is said at the top of this file."""
