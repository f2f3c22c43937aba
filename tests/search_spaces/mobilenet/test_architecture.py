"""Channels of MobileNet: rounding as everywhere, expansion as each paper has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from torchvision.models._utils import _make_divisible

from search_spaces.mobilenet.architecture import MobileNetArchitecture, round_channels


@given(st.floats(0.1, 5000))
def test_channels_are_rounded_as_torchvision_rounds_them(channels: float) -> None:
    assert round_channels(channels) == _make_divisible(channels, 8)


def test_a_single_ratio_leaves_the_first_stage_unexpanded() -> None:
    first, second = MobileNetArchitecture(depths=(1, 1), widths=(16, 24), strides=(1, 2), expand_ratio=3).blocks
    assert (first[0].in_channels, first[0].expanded_channels) == (32, 32)
    assert (second[0].in_channels, second[0].expanded_channels) == (16, 48)


def test_version_one_has_neither_expansion_nor_shortcuts() -> None:
    blocks = [block for stage in MobileNetArchitecture(version="v1").blocks for block in stage]
    assert all(block.expanded_channels == block.in_channels and not block.is_residual for block in blocks)


def test_a_shortcut_stands_where_the_shape_stays() -> None:
    blocks = [block for stage in MobileNetArchitecture().blocks for block in stage]
    assert [block.is_residual for block in blocks] == [
        block.stride == 1 and block.in_channels == block.out_channels for block in blocks
    ]
    assert sum(block.is_residual for block in blocks) == 10


def test_activations_of_version_three_begin_with_relu() -> None:
    stages = MobileNetArchitecture(version="v3", num_relu_stages=2).blocks
    assert [stage[0].activation for stage in stages] == ["relu"] * 2 + ["hardswish"] * 5
