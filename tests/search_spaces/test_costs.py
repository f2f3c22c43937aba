"""The plan that adds layers up: shapes as torch has them, and a refusal that names the stage."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from search_spaces.costs import LayerPlan
from search_spaces.errors import ArchitectureError, GeometryError
from search_spaces.resnet.architecture import ResNetArchitecture

sides = st.integers(1, 40)
strides = st.integers(1, 3)


@given(side=sides, kernel_size=st.sampled_from((1, 3, 5, 7)), stride=strides, groups=st.sampled_from((1, 2, 4)))
def test_a_convolution_has_the_shape_and_parameters_of_torchs(
    side: int, kernel_size: int, stride: int, groups: int
) -> None:
    plan = LayerPlan(in_channels=4, image_size=side)
    plan.conv("conv", 8, kernel_size=kernel_size, stride=stride, groups=groups, bias=True)
    conv = nn.Conv2d(4, 8, kernel_size, stride=stride, padding=kernel_size // 2, groups=groups, device="meta")
    layer = plan.layers[0]
    assert layer.output_shape == conv(torch.zeros(1, 4, side, side, device="meta")).shape[1:]
    assert layer.num_parameters == sum(parameter.numel() for parameter in conv.parameters())
    assert layer.macs == conv.weight.numel() * layer.output_shape[1] * layer.output_shape[2]


@given(side=sides, stride=strides)
def test_subsampling_and_pooling_have_the_shapes_of_torchs(side: int, stride: int) -> None:
    image = torch.zeros(1, 4, side, side, device="meta")
    plan = LayerPlan(in_channels=4, image_size=side)
    plan.subsample("subsample", 6, stride=stride)
    assert plan.layers[-1].output_shape == (6, *image[:, :, ::stride, ::stride].shape[2:])
    plan = LayerPlan(in_channels=4, image_size=side)
    plan.max_pool("pool", kernel_size=3, stride=2, padding=1)
    assert plan.layers[-1].output_shape == nn.MaxPool2d(3, stride=2, padding=1)(image).shape[1:]


def test_an_image_that_shrinks_below_one_pixel_is_refused_with_its_stage() -> None:
    plan = LayerPlan(in_channels=3, image_size=1, hint="use larger images")
    plan.stage = "features.transition3"
    with pytest.raises(GeometryError) as refusal:
        plan.average_pool("features.transition3.pool", kernel_size=2, stride=2)
    assert refusal.value.message == ("image_size = 1: stage 'features.transition3' would shrink 1x1 below one pixel")
    assert refusal.value.hint == "use larger images"


@pytest.mark.parametrize("image_size", [0, -32, 32.0, True, "32", None, 4097])
def test_images_have_a_whole_number_of_pixels(image_size: Any) -> None:
    for ask in (ResNetArchitecture().macs, ResNetArchitecture().layers):
        with pytest.raises(ArchitectureError) as refusal:
            ask(image_size)
        assert refusal.value.message.startswith("image_size = ")
        assert refusal.value.hint


def test_a_depthwise_convolution_is_told_from_a_grouped_one() -> None:
    plan = LayerPlan(in_channels=4, image_size=8)
    plan.conv("depthwise", 4, kernel_size=3, groups=4)
    plan.conv("grouped", 4, kernel_size=3, groups=2)
    assert [layer.kind for layer in plan.layers] == ["depthwise_conv", "conv"]


def test_squeeze_and_excitation_gives_the_image_back_in_its_size() -> None:
    plan = LayerPlan(in_channels=16, image_size=8)
    plan.squeeze_excite("se", 8)
    assert plan.layers[-1].output_shape == (16, 8, 8)
    assert sum(layer.num_parameters for layer in plan.layers) == 16 * 8 + 8 + 8 * 16 + 16
