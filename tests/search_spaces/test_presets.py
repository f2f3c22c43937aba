"""Every preset is the network of its paper: published figures, shapes, arithmetic and torchvision's numerics."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from search_spaces import Architecture, create_model, get_architecture, get_family, list_families, list_models
from search_spaces.layers import ImageClassifier

# torchvision's tables: parameters, and billions of multiply-accumulates at 224 pixels.
PUBLISHED = {
    "densenet121": (7_978_856, 2.834),
    "densenet161": (28_681_000, 7.728),
    "densenet169": (14_149_480, 3.360),
    "densenet201": (20_013_928, 4.291),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "resnext50_32x4d": (25_028_904, 4.230),
    "resnext101_32x8d": (88_791_336, 16.414),
    "resnext101_64x4d": (83_455_272, 15.460),
    "wide_resnet50_2": (68_883_240, 11.398),
    "wide_resnet101_2": (126_886_696, 22.753),
    "mobilenet_v2": (3_504_872, 0.301),
    "mobilenet_v3_large": (5_483_032, 0.217),
    "mobilenet_v3_small": (2_542_856, 0.057),
}

# Millions of parameters, with the digits that the papers print.
PRINTED = {
    "densenet264": "33.3",  # 33,337,704: Huang et al. 2017, table 1, added up
    "densenet40_k12_cifar": "1.0",  # Huang et al. 2017, table 2
    "densenet100_k12_cifar": "7.0",
    "densenet100_k24_cifar": "27.2",
    "densenet_bc100_k12_cifar": "0.8",
    "densenet_bc250_k24_cifar": "15.3",
    "densenet_bc190_k40_cifar": "25.6",
    "resnet20_cifar": "0.27",  # He et al. 2016, table 6
    "resnet32_cifar": "0.46",
    "resnet44_cifar": "0.66",
    "resnet56_cifar": "0.85",
    "resnet110_cifar": "1.7",
    "mobilenet": "4.2",  # Howard et al. 2017, table 8
    "mobilenet_v2_cifar": "2.2",  # 2,236,682: torchvision's network with ten classes
}

# Left to the slow run: two seconds each, and nothing in them that the smaller ones lack.
HEAVY = {
    "densenet161",
    "densenet169",
    "densenet201",
    "densenet264",
    "densenet100_k24_cifar",
    "densenet_bc250_k24_cifar",
    "densenet_bc190_k40_cifar",
    "resnet101",
    "resnet152",
    "resnet110_cifar",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
}

Build = Callable[[Architecture], ImageClassifier]


@dataclass(frozen=True)
class Trace:
    """What one training step of one image shows of a network; modules by their names."""

    num_parameters: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    flops: int
    without_gradient: list[str]


Traces = Callable[[str], Trace]


@pytest.fixture(scope="module")
def traces(build_on_meta: Build) -> Traces:
    """Traces of presets, each made once."""

    @cache
    def trace(name: str) -> Trace:
        return traced(build_on_meta(get_architecture(name)).train(), image_size(name))

    return trace


def traced(model: ImageClassifier, side: int) -> Trace:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.__setitem__(name, tuple(output.shape[1:]))
        )
    image_BCHW = torch.zeros(2, model.architecture.in_channels, side, side, device="meta")
    with FlopCounterMode(display=False) as flops:
        logits_BK = model(image_BCHW)
    logits_BK.sum().backward()
    return Trace(
        num_parameters={
            name: sum(parameter.numel() for parameter in module.parameters()) for name, module in model.named_modules()
        },
        shapes=shapes,
        flops=flops.get_total_flops() // len(image_BCHW),
        without_gradient=[name for name, parameter in model.named_parameters() if parameter.grad is None],
    )


def image_size(name: str) -> int:
    return 32 if name.endswith("_cifar") else 224


def each(names: Iterable[str]) -> pytest.MarkDecorator:
    """Runs a test for each preset, the heavy ones in the slow run."""
    marked = [pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else []) for name in names]
    return pytest.mark.parametrize("name", marked)


def test_every_preset_has_a_published_figure() -> None:
    assert {*PUBLISHED, *PRINTED} == set(list_models())


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_macs_are_the_published_ones(name: str) -> None:
    num_parameters, giga_macs = PUBLISHED[name]
    architecture = get_architecture(name)
    assert architecture.num_parameters == num_parameters
    assert round(architecture.macs(224) / 1e9, 3) == giga_macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_figures_of_this_table_are_those_that_torchvision_publishes(name: str) -> None:
    # "_ops" is the column GFLOPs of torchvision's tables of models.
    published = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert PUBLISHED[name] == (published["num_params"], published["_ops"])


@pytest.mark.parametrize("name", PRINTED)
def test_parameters_round_to_the_printed_ones(name: str) -> None:
    digits = len(PRINTED[name].partition(".")[2])
    assert f"{get_architecture(name).num_parameters / 1e6:.{digits}f}" == PRINTED[name]


def test_densenet_264_and_mobilenet_v1_have_the_parameters_that_their_tables_add_up_to() -> None:
    assert get_architecture("densenet264").num_parameters == 33_337_704
    assert get_architecture("mobilenet").num_parameters == 4_231_976
    assert get_architecture("mobilenet").macs(224) // 1_000_000 == 568  # printed as 569 million


@pytest.mark.parametrize("family", list_families())
def test_help_cites_the_table_of_every_preset(family: str) -> None:
    cited = importlib.import_module(f"search_spaces.{family}.presets").__doc__
    for name in get_family(family).presets:
        assert re.search(rf"\b{name}\b[\w\s,]* {{2,}}.*\btable \d", str(cited)), name


@each(list_models())
def test_the_built_network_has_the_parameters_of_the_closed_form_layer_by_layer(name: str, traces: Traces) -> None:
    architecture, trace = get_architecture(name), traces(name)
    assert trace.num_parameters[""] == architecture.num_parameters
    for layer in architecture.layers(image_size(name)):
        if layer.num_parameters:
            assert trace.num_parameters[layer.name] == layer.num_parameters, layer.name


@each(list_models())
def test_macs_are_those_of_a_forward_pass(name: str, traces: Traces) -> None:
    # The counter takes a multiplication and an addition for two.
    assert traces(name).flops == 2 * get_architecture(name).macs(image_size(name))


@each(list_models())
def test_every_layer_and_stage_has_the_shape_of_a_forward_pass(name: str, traces: Traces) -> None:
    layers, shapes = get_architecture(name).layers(image_size(name)), traces(name).shapes
    for layer in layers:
        if layer.kind in {"conv", "depthwise_conv", "batch_norm"}:
            assert shapes[layer.name] == layer.output_shape, layer.name
    for stage, layer in {layer.stage: layer for layer in layers}.items():
        assert math.prod(shapes[layer.name]) == math.prod(layer.output_shape), stage


@each(list_models())
def test_a_gradient_reaches_every_parameter(name: str, traces: Traces) -> None:
    assert traces(name).without_gradient == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_state_dict_has_torchvisions_names_shapes_and_order(name: str, build_on_meta: Build) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name).state_dict()
    ours = build_on_meta(get_architecture(name)).state_dict()
    assert [(key, value.shape) for key, value in ours.items()] == [(key, value.shape) for key, value in theirs.items()]


@each(PUBLISHED)
def test_weights_and_logits_equal_torchvisions_bit_by_bit(name: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(name).eval()
    torch.manual_seed(0)
    ours = create_model(name).eval()
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), f"{key} is initialised differently"
    disturb(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image_BCHW = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(ours(image_BCHW), theirs(image_BCHW))


def disturb(model: nn.Module) -> None:
    """Gives batch norms statistics, scales and shifts that a mistake would show in."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
