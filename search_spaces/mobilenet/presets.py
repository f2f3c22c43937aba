"""MobileNets by name.

mobilenet              Howard et al. 2017, arXiv:1704.04861, table 1
mobilenet_v2           Sandler et al. 2018, arXiv:1801.04381, table 2
mobilenet_v2_cifar     as table 2 of Sandler et al. 2018, with strides of 1 in the first convolution and the second
                       stage, for images of 32x32
mobilenet_v3_large     Howard et al. 2019, arXiv:1905.02244, table 1
mobilenet_v3_small     Howard et al. 2019, table 2
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.mobilenet.architecture import MobileNetArchitecture

_V3_LARGE_RATIOS = (1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6)
_V3_SMALL_RATIOS = (1, 4.5, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6)

PRESETS: Mapping[str, MobileNetArchitecture] = {
    "mobilenet": MobileNetArchitecture(
        version="v1",
        depths=(1, 2, 2, 6, 2),
        widths=(64, 128, 256, 512, 1024),
        strides=(1, 2, 2, 2, 2),
        drop_rate=0.001,
    ),
    "mobilenet_v2": MobileNetArchitecture(),
    "mobilenet_v2_cifar": MobileNetArchitecture(num_classes=10, strides=(1, 1, 2, 2, 1, 2, 1), stem="cifar"),
    "mobilenet_v3_large": MobileNetArchitecture(
        version="v3",
        stem_width=16,
        depths=(1, 2, 3, 4, 2, 3),
        widths=(16, 24, 40, 80, 112, 160),
        strides=(1, 2, 2, 2, 1, 2),
        expand_ratio=_V3_LARGE_RATIOS,
        kernel_size=(3, 3, 5, 3, 3, 5),
        squeeze_excite=(False, False, True, False, True, True),
        num_relu_stages=3,
    ),
    "mobilenet_v3_small": MobileNetArchitecture(
        version="v3",
        stem_width=16,
        depths=(1, 2, 3, 2, 3),
        widths=(16, 24, 40, 48, 96),
        strides=(2, 2, 2, 1, 2),
        expand_ratio=_V3_SMALL_RATIOS,
        kernel_size=(3, 3, 5, 5, 5),
        squeeze_excite=(True, False, True, True, True),
        num_relu_stages=2,
        last_width=1024,
    ),
}
"""Networks by name; where each stands in the literature is said at the top of this file."""
