"""MobileNet as data: version, stages, expansion, and its layers in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search_spaces.architecture import Architecture
from search_spaces.costs import Layer, LayerPlan
from search_spaces.many import at_least, repeated
from search_spaces.rules import Flag, Number, OneOf, OneOrEach, Rule, WholeNumber, WholeNumbers, check_count, one_of

MAX_STAGES = 8
_ROUND_TO = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One block: an expansion by a 1x1 convolution, a depthwise convolution, and a projection by a 1x1 convolution.

    Attributes:
        name: path in the network.
        expanded_channels: channels of the depthwise convolution; equal to ``in_channels`` where nothing expands.
        squeeze_channels: inner channels of squeeze-and-excitation; 0 for none.
        activation: ``relu``, ``relu6`` or ``hardswish``.
        is_residual: whether the input is added to the output.
        repeats: as in ``Layer``.
    """

    name: str
    in_channels: int
    expanded_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    squeeze_channels: int
    activation: str
    is_residual: bool
    repeats: int


@dataclass(frozen=True, kw_only=True)
class MobileNetArchitecture(Architecture):
    """A network of depthwise separable convolutions. The defaults are MobileNetV2.

    Attributes:
        version: ``v1`` has neither expansion nor shortcuts (Howard et al. 2017, arXiv:1704.04861), ``v2`` inverted
            residuals with linear bottlenecks and ReLU6 (Sandler et al. 2018, arXiv:1801.04381), ``v3`` hard-swish
            and a head of two linear layers (Howard et al. 2019, arXiv:1905.02244).
        width_mult: alpha, a factor to all channels, which are then rounded to a multiple of 8.
        stem_width: channels of the first convolution, before ``width_mult``.
        depths: blocks in each stage.
        widths: channels of each stage, before ``width_mult``.
        strides: of the first block of each stage.
        expand_ratio: t, the expanded channels in units of the block's input; a single value leaves the first
            stage unexpanded, as the papers do, a list has one for each block.
        kernel_size: of the depthwise convolutions, a single one or one for each stage.
        squeeze_excite: channels weighted by their means (Hu et al. 2018), for all or for each stage.
        num_relu_stages: stages with ReLU before hard-swish begins; v3 only.
        last_width: channels after the last stage (v2) or of the hidden linear layer (v3), before ``width_mult``.
        drop_rate: dropout before the last linear layer while training.
        stem: the first convolution is 3x3 with stride 2 (``imagenet``) or 1 (``cifar``).
    """

    family: ClassVar[str] = "mobilenet"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,
        "version": OneOf(("v1", "v2", "v3")),
        "width_mult": Number(0, 4, open_low=True),
        "stem_width": WholeNumber(1, 256),
        "depths": WholeNumbers(MAX_STAGES, 1, 64, each="stage", of="blocks"),
        "widths": WholeNumbers(MAX_STAGES, 1, 2048, each="stage", of="channels"),
        "strides": WholeNumbers(MAX_STAGES, 1, 2, each="stage", of="pixels a step"),
        "expand_ratio": OneOrEach(Number(1, 16), MAX_STAGES * 64),
        "kernel_size": OneOrEach(OneOf((3, 5, 7)), MAX_STAGES),
        "squeeze_excite": OneOrEach(Flag(), MAX_STAGES),
        "num_relu_stages": WholeNumber(0, MAX_STAGES),
        "last_width": WholeNumber(1, 4096),
        "drop_rate": Number(0, 1, open_high=True),
        "stem": OneOf(("imagenet", "cifar")),
    }

    version: str = "v2"
    width_mult: float = 1.0
    stem_width: int = 32
    depths: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1)
    widths: tuple[int, ...] = (16, 24, 32, 64, 96, 160, 320)
    strides: tuple[int, ...] = (1, 2, 2, 2, 1, 2, 1)
    expand_ratio: float | tuple[float, ...] = 6.0
    kernel_size: int | tuple[int, ...] = 3
    squeeze_excite: bool | tuple[bool, ...] = False
    num_relu_stages: int = 0
    last_width: int = 1280
    drop_rate: float = 0.2
    stem: str = "imagenet"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("widths", "strides", "kernel_size", "squeeze_excite"):
            check_count(name, getattr(self, name), len(self.depths), of="stages in depths")
        check_count("expand_ratio", self.expand_ratio, sum(self.depths), of="blocks in depths")

    @property
    def blocks(self) -> tuple[tuple[Block, ...], ...]:
        """The blocks of every stage; the closed form and the network are both made from them."""
        return tuple(self._stages())

    @property
    def stem_channels(self) -> int:
        """Channels of the first convolution."""
        return round_channels(self.stem_width * self.width_mult)

    @property
    def num_features(self) -> int:
        """Channels of the last feature map: of the last stage (v1), or of the 1x1 convolution after it."""
        last = round_channels(self.widths[-1] * self.width_mult)
        if self.version == "v1":
            return last
        # Version 2 never makes its last convolution narrower (Sandler et al. 2018, sec. 5).
        return 6 * last if self.version == "v3" else round_channels(self.last_width * at_least(1.0, self.width_mult))

    @property
    def hidden_features(self) -> int:
        """Width of the linear layer before the last one; 0 where there is none."""
        return round_channels(self.last_width * self.width_mult) if self.version == "v3" else 0

    def inactive_fields(self) -> frozenset[str]:
        inactive = {"width_mult"}
        if self.version == "v1":
            inactive |= {"expand_ratio", "last_width"}
        if self.version != "v3":
            inactive.add("num_relu_stages")
        return frozenset(inactive)

    def derived_fields(self) -> Mapping[str, Any]:
        blocks = [block for stage in self.blocks for block in stage]
        return {
            "stem_width": self.stem_channels,
            "widths": [stage[-1].out_channels for stage in self.blocks],
            "expand_ratio": [block.expanded_channels for block in blocks],
            "kernel_size": [stage[0].kernel_size for stage in self.blocks],
            "squeeze_excite": [stage[0].squeeze_channels > 0 for stage in self.blocks],
            "num_relu_stages": min(self.num_relu_stages, len(self.depths)),
            "last_width": self.hidden_features or self.num_features,
        }

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size)
        stem_stride = 1 if self.stem == "cifar" else 2
        plan.conv_norm("features.0", self.stem_channels, self.edge_activation, kernel_size=3, stride=stem_stride)
        for index, stage in enumerate(self.blocks, start=1):
            plan.stage = f"stage{index}"
            for block in stage:
                plan.repeats = block.repeats
                _add_block(plan, block, self.version)
        plan.repeats, plan.held = 1, 0
        if self.version != "v1":
            plan.stage = "last"
            plan.conv_norm(f"features.{sum(self.depths) + 1}", self.num_features, self.edge_activation, saved=False)
        plan.stage = "head"
        plan.global_pool("avgpool" if self.version == "v3" else "features")
        if self.hidden_features:
            plan.linear("classifier.0", self.hidden_features)
            plan.activation("classifier.1", saved=True)
        plan.linear(f"classifier.{3 if self.hidden_features else 1}", self.num_classes)
        return tuple(plan.layers)

    @property
    def edge_activation(self) -> str:
        """Activation of the first and the last convolution."""
        return {"v1": "relu", "v2": "relu6", "v3": "hardswish"}[self.version]

    def _stages(self) -> Iterator[tuple[Block, ...]]:
        base_channels, in_channels, index = self.stem_width, self.stem_channels, 0
        for stage, depth in enumerate(self.depths):
            blocks = []
            out_channels = round_channels(self.widths[stage] * self.width_mult)
            for position, repeats in repeated(depth):
                stride = self.strides[stage] if position == 0 else 1
                expanded = self._expanded(in_channels, base_channels, self._ratio(stage, index))
                block = Block(
                    name=f"features.{index + 1}",
                    in_channels=in_channels,
                    expanded_channels=expanded,
                    out_channels=out_channels,
                    kernel_size=one_of(self.kernel_size, stage),
                    stride=stride,
                    squeeze_channels=round_channels(expanded // 4) if one_of(self.squeeze_excite, stage) else 0,
                    activation=self._activation(stage),
                    is_residual=self.version != "v1" and stride == 1 and in_channels == out_channels,
                    repeats=repeats,
                )
                blocks.append(block)
                base_channels, in_channels, index = self.widths[stage], out_channels, index + 1
            yield tuple(blocks)

    def _ratio(self, stage: int, index: int) -> float:
        if isinstance(self.expand_ratio, tuple):
            return self.expand_ratio[index]
        return 1.0 if stage == 0 else self.expand_ratio

    def _expanded(self, in_channels: int, base_channels: int, ratio: float) -> int:
        """Channels of the depthwise convolution; version 3 multiplies before it rounds, as its tables are written."""
        match self.version:
            case "v1":
                return in_channels
            case "v2":
                return round(in_channels * ratio)
            case _:
                return round_channels(round(base_channels * ratio) * self.width_mult)

    def _activation(self, stage: int) -> str:
        return "relu" if self.version == "v3" and stage < self.num_relu_stages else self.edge_activation


def round_channels(channels: float) -> int:
    """The nearest multiple of 8 that is at least 90 % of ``channels``, as in all implementations of MobileNet."""
    rounded: int = at_least(_ROUND_TO, math.floor(channels + _ROUND_TO / 2) // _ROUND_TO * _ROUND_TO)
    return rounded + _ROUND_TO * (rounded < 0.9 * channels)


def _add_block(plan: LayerPlan, block: Block, version: str) -> None:
    prefix = f"{block.name}.{'conv' if version == 'v2' else 'block'}"
    index, input_bytes = 0, plan.tensor_bytes
    plan.held = 0
    if block.expanded_channels != block.in_channels:
        plan.conv_norm(f"{prefix}.{index}", block.expanded_channels, block.activation)
        plan.held = input_bytes
        index += 1
    plan.conv_norm(
        f"{prefix}.{index}",
        block.expanded_channels,
        block.activation,
        kernel_size=block.kernel_size,
        stride=block.stride,
        groups=block.expanded_channels,
    )
    index += 1
    plan.held = input_bytes
    if block.squeeze_channels:
        plan.squeeze_excite(f"{prefix}.{index}", block.squeeze_channels)
        index += 1
    if version == "v2":
        plan.conv(f"{prefix}.{index}", block.out_channels)
        plan.batch_norm(f"{prefix}.{index + 1}")
    else:
        plan.conv_norm(f"{prefix}.{index}", block.out_channels, block.activation if version == "v1" else "")
    if block.is_residual:
        plan.add(block.name)
