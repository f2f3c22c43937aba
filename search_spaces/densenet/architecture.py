"""DenseNet as data: growth, blocks, compression, and its layers in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search_spaces.architecture import Architecture
from search_spaces.costs import FLOAT_BYTES, Layer, LayerPlan
from search_spaces.many import Size, at_least, repeated
from search_spaces.rules import Flag, Number, OneOf, Rule, WholeNumber, WholeNumbers

MAX_BLOCKS = 6


@dataclass(frozen=True, kw_only=True)
class DenseNetArchitecture(Architecture):
    """A densely connected network (Huang et al. 2017, arXiv:1608.06993). The defaults are DenseNet-121.

    Attributes:
        growth_rate: k, the channels that each layer adds.
        block_config: layers in each dense block.
        compression: theta, the share of its channels that a transition keeps (sec. 3).
        bn_size: width of the 1x1 bottleneck in units of k; 0 for none (the paper's DenseNet without B).
        num_init_features: channels of the first convolution.
        drop_rate: dropout after each layer while training.
        memory_efficient: normalised concatenations are computed again in the backward pass instead of kept.
        stem: ``imagenet`` is a 7x7 convolution of stride 2 and max pooling, ``cifar`` a 3x3 of stride 1.
    """

    family: ClassVar[str] = "densenet"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,
        "growth_rate": WholeNumber(1, 512),
        "block_config": WholeNumbers(MAX_BLOCKS, 1, 64, each="block", of="layers"),
        "compression": Number(0, 1, open_low=True),
        "bn_size": WholeNumber(0, 16),
        "num_init_features": WholeNumber(1, 1024),
        "drop_rate": Number(0, 1, open_high=True),
        "memory_efficient": Flag(),
        "stem": OneOf(("imagenet", "cifar")),
    }

    growth_rate: int = 32
    block_config: tuple[int, ...] = (6, 12, 24, 16)
    compression: float = 0.5
    bn_size: int = 4
    num_init_features: int = 64
    drop_rate: float = 0.0
    memory_efficient: bool = False
    stem: str = "imagenet"

    @property
    def bottleneck_channels(self) -> int:
        """Channels between the two convolutions of a layer; 0 where there is one."""
        return self.bn_size * self.growth_rate

    @property
    def transition_channels(self) -> tuple[int, ...]:
        """Channels after each transition."""
        channels, after = self.num_init_features, []
        for num_layers in self.block_config[:-1]:
            # The smallest number of channels is one; 1e-9 keeps 0.29 * 100 from becoming 28.
            channels = at_least(1, math.floor((channels + num_layers * self.growth_rate) * self.compression + 1e-9))
            after.append(channels)
        return tuple(after)

    def inactive_fields(self) -> frozenset[str]:
        single_block = len(self.block_config) == 1
        return frozenset({"memory_efficient", "compression"} if single_block else {"memory_efficient"})

    def derived_fields(self) -> Mapping[str, Any]:
        return {"compression": self.transition_channels}

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size, hint=self._smallest_image_hint())
        self._add_stem(plan)
        for index, num_layers in enumerate(self.block_config, start=1):
            self._add_block(plan, f"features.denseblock{index}", num_layers)
            if index < len(self.block_config):
                self._add_transition(plan, f"features.transition{index}", self.transition_channels[index - 1])
        plan.stage = "head"
        plan.batch_norm("features.norm5")
        plan.activation("features.norm5")
        plan.global_pool("features")
        plan.linear("classifier", self.num_classes)
        return tuple(plan.layers)

    def _add_stem(self, plan: LayerPlan) -> None:
        if self.stem == "cifar":
            plan.conv("features.conv0", self.num_init_features, kernel_size=3, saved=self.memory_efficient)
            return
        plan.conv("features.conv0", self.num_init_features, kernel_size=7, stride=2)
        plan.batch_norm("features.norm0")
        plan.activation("features.relu0")
        plan.max_pool("features.pool0", kernel_size=3, stride=2, padding=1, saved=self.memory_efficient)

    def _add_block(self, plan: LayerPlan, block: str, num_layers: Size) -> None:
        plan.stage = block
        first = plan.channels
        growth_bytes = self.growth_rate * plan.side * plan.side * FLOAT_BYTES
        recomputed = self.memory_efficient
        for index, repeats in repeated(num_layers):
            plan.repeats = repeats
            layer = f"{block}.denselayer{index + 1}"
            plan.concat(layer, first + index * self.growth_rate, saved=not recomputed)
            plan.batch_norm(f"{layer}.norm1", saved=not recomputed)
            plan.activation(f"{layer}.relu1")
            if self.bottleneck_channels:
                held = plan.held
                plan.conv(f"{layer}.conv1", self.bottleneck_channels)
                # What the norm reads is held until the convolution after it has run.
                plan.held = held + growth_bytes
                plan.batch_norm(f"{layer}.norm2")
                plan.held = held
                plan.activation(f"{layer}.relu2")
            last = f"{layer}.conv2" if self.bottleneck_channels else f"{layer}.conv1"
            # Recomputing starts from the outputs before; the last one has no layer after it.
            plan.conv(last, self.growth_rate, kernel_size=3, saved=recomputed and index + 1 < num_layers)
        plan.repeats = 1
        plan.concat(block, first + num_layers * self.growth_rate)
        plan.held = 0

    def _add_transition(self, plan: LayerPlan, transition: str, channels: int) -> None:
        plan.stage = transition
        block_bytes = plan.tensor_bytes
        plan.batch_norm(f"{transition}.norm")
        plan.held = block_bytes
        plan.activation(f"{transition}.relu")
        plan.conv(f"{transition}.conv", channels)
        plan.average_pool(f"{transition}.pool", kernel_size=2, stride=2, saved=self.memory_efficient)
        plan.held = 0

    def _smallest_image_hint(self) -> str:
        num_blocks = len(self.block_config)
        if self.stem == "cifar":
            return f"use images of {2 ** (num_blocks - 1)} pixels and more, or fewer than {num_blocks} blocks"
        side = 4 * 2 ** (num_blocks - 1)
        return f"use images of {side} pixels and more, fewer than {num_blocks} blocks, or stem = 'cifar'"
