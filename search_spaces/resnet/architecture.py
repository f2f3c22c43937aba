"""ResNet as data: kind of block, depths, widths, and its layers in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search_spaces.architecture import Architecture
from search_spaces.costs import Layer, LayerPlan
from search_spaces.errors import ArchitectureError
from search_spaces.many import Size, repeated
from search_spaces.rules import OneOf, Rule, WholeNumber, WholeNumbers, check_count

MAX_STAGES = 6

EXPANSION = {"basic": 1, "bottleneck": 4}
"""Channels that a block gives, in units of its stage's width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One residual block.

    Attributes:
        name: path in the network.
        width: channels of its 3x3 convolutions.
        shortcut: ``identity``, or how the input is brought to another shape.
        repeats: as in ``Layer``.
    """

    name: str
    stage: str
    in_channels: int
    width: int
    out_channels: int
    stride: int
    shortcut: str
    repeats: int


@dataclass(frozen=True, kw_only=True)
class ResNetArchitecture(Architecture):
    """A residual network (He et al. 2016, arXiv:1512.03385). The defaults are ResNet-18.

    Attributes:
        block: ``basic`` is two 3x3 convolutions, ``bottleneck`` 1x1, 3x3 and 1x1 with four times the width
            at its end (fig. 5); its stride lies in the 3x3 convolution, as in torchvision.
        depths: blocks in each stage; every stage but the first halves the image.
        widths: channels of each stage, before a bottleneck's factor of four. The first is the stem's, too.
        groups: cardinality C of ResNeXt (Xie et al. 2017); bottlenecks only.
        width_per_group: channels of a group where the stage's width is 64; twice 64 makes a wide ResNet
            (Zagoruyko and Komodakis 2016); bottlenecks only.
        shortcut: where the shape changes, ``projection`` is a 1x1 convolution (option B of sec. 3.3), ``padding``
            takes every other pixel and adds empty channels (option A).
        stem: ``imagenet`` is a 7x7 convolution of stride 2 and max pooling, ``cifar`` a 3x3 of stride 1.
    """

    family: ClassVar[str] = "resnet"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,
        "block": OneOf(("basic", "bottleneck")),
        "depths": WholeNumbers(MAX_STAGES, 1, 64, each="stage", of="blocks"),
        "widths": WholeNumbers(MAX_STAGES, 1, 2048, each="stage", of="channels"),
        "groups": WholeNumber(1, 256),
        "width_per_group": WholeNumber(1, 1024),
        "shortcut": OneOf(("projection", "padding")),
        "stem": OneOf(("imagenet", "cifar")),
    }

    block: str = "basic"
    depths: tuple[int, ...] = (2, 2, 2, 2)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    groups: int = 1
    width_per_group: int = 64
    shortcut: str = "projection"
    stem: str = "imagenet"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("widths", self.widths, len(self.depths), of="stages in depths")
        for width in self.widths if self.block == "bottleneck" else ():
            if self.inner_width(width) < 1:
                raise ArchitectureError(
                    f"width_per_group = {self.width_per_group}: leaves no channel where widths has {width}",
                    hint="make it larger",
                )

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block in the order of execution; the closed form and the network are both made from them."""
        return tuple(self._blocks())

    @property
    def num_features(self) -> int:
        """Channels of the last feature map."""
        return self.widths[-1] * EXPANSION[self.block]

    def inner_width(self, width: int) -> int:
        """Channels of the 3x3 convolutions in a stage of this width."""
        return width if self.block == "basic" else width * self.width_per_group // 64 * self.groups

    def inactive_fields(self) -> frozenset[str]:
        inactive = {"groups", "width_per_group"} if self.block == "basic" else set[str]()
        if all(block.shortcut == "identity" for block in self.blocks):
            inactive.add("shortcut")
        return frozenset(inactive)

    def derived_fields(self) -> Mapping[str, Any]:
        return {"width_per_group": [self.inner_width(width) for width in self.widths]}

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size)
        kernel_size, stride = (3, 1) if self.stem == "cifar" else (7, 2)
        plan.conv("conv1", self.widths[0], kernel_size=kernel_size, stride=stride)
        plan.batch_norm("bn1")
        plan.activation("relu")
        if self.stem == "imagenet":
            plan.max_pool("maxpool", kernel_size=3, stride=2, padding=1)
        stage_bytes: Size = 0
        for block in self._blocks():
            # torch's module of a stage holds what it was given until its last block has run.
            is_first = block.stage != plan.stage
            plan.held = 0 if is_first else stage_bytes
            stage_bytes = plan.tensor_bytes if is_first else stage_bytes
            plan.stage, plan.repeats = block.stage, block.repeats
            self._add_block(plan, block)
        plan.stage, plan.repeats, plan.held = "head", 1, 0
        plan.global_pool("avgpool")
        plan.linear("fc", self.num_classes)
        return tuple(plan.layers)

    def _blocks(self) -> Iterator[Block]:
        in_channels = self.widths[0]
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True), start=1):
            out_channels = width * EXPANSION[self.block]
            for index, repeats in repeated(depth):
                stride = 2 if index == 0 and stage > 1 else 1
                yield Block(
                    name=f"layer{stage}.{index}",
                    stage=f"layer{stage}",
                    in_channels=in_channels,
                    width=self.inner_width(width),
                    out_channels=out_channels,
                    stride=stride,
                    shortcut="identity" if stride == 1 and in_channels == out_channels else self.shortcut,
                    repeats=repeats,
                )
                in_channels = out_channels

    def _add_block(self, plan: LayerPlan, block: Block) -> None:
        channels, side, held = plan.channels, plan.side, plan.held
        input_bytes = plan.tensor_bytes
        if self.block == "basic":
            _conv_norm(plan, block, 1, block.width, kernel_size=3, stride=block.stride)
            plan.held = held + input_bytes
            plan.activation(f"{block.name}.relu")
            _conv_norm(plan, block, 2, block.out_channels, kernel_size=3)
        else:
            _conv_norm(plan, block, 1, block.width)
            plan.held = held + input_bytes
            plan.activation(f"{block.name}.relu")
            _conv_norm(plan, block, 2, block.width, kernel_size=3, stride=block.stride, groups=self.groups)
            plan.activation(f"{block.name}.relu")
            _conv_norm(plan, block, 3, block.out_channels)
        if block.shortcut != "identity":
            plan.held = held + plan.tensor_bytes
            plan.channels, plan.side = channels, side
            _add_shortcut(plan, block)
        plan.add(block.name)
        plan.activation(f"{block.name}.relu")


def _conv_norm(
    plan: LayerPlan, block: Block, index: int, channels: int, *, kernel_size: int = 1, stride: int = 1, groups: int = 1
) -> None:
    held, input_bytes = plan.held, plan.tensor_bytes
    plan.conv(f"{block.name}.conv{index}", channels, kernel_size=kernel_size, stride=stride, groups=groups)
    plan.held = held + input_bytes
    plan.batch_norm(f"{block.name}.bn{index}")
    plan.held = held


def _add_shortcut(plan: LayerPlan, block: Block) -> None:
    block_bytes = plan.tensor_bytes
    if block.shortcut == "projection":
        plan.conv(f"{block.name}.downsample.0", block.out_channels, stride=block.stride)
        plan.held = plan.held + block_bytes
        plan.batch_norm(f"{block.name}.downsample.1", saved=False)
    else:
        plan.subsample(f"{block.name}.downsample", block.out_channels, stride=block.stride)
