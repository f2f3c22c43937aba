"""What holds for every family: its default spaces build, and networks are what their closed forms say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from orchestrator.config.settings import Recipe
from search_spaces import Architecture, Task, get_family, list_families, registry
from search_spaces.layers import ImageClassifier
from search_spaces.space import grid
from tests.search_spaces.conftest import TASKS

Sample = Callable[[str, Task, int], list[Architecture]]
Build = Callable[[Architecture], ImageClassifier]

BATCH_SIZE = Recipe().batch_size

families = pytest.mark.parametrize("family", list_families())


@families
def test_defaults_and_presets_meet_the_rules_of_the_axes(family: str, task: Task) -> None:
    described = get_family(family)
    space = described.space({}, task)
    assert space.num_points == 1
    assert set(space.fixed) <= set(described.axes)
    architecture = described.architecture(space.fixed, task)
    assert architecture == described.architecture({}, task)
    assert (architecture.in_channels, architecture.num_classes) == (task.in_channels, task.num_classes)


@families
def test_a_default_space_is_large_enough_to_search(family: str, task: Task) -> None:
    space = get_family(family).default_space(task)
    assert 3_000 <= space.num_points < 1_000_000
    assert all(parameter.num_values > 1 for parameter in space.parameters)


@families
def test_a_default_space_gives_few_networks_twice(family: str, task: Task, sample: Sample) -> None:
    ids = {architecture.architecture_id for architecture in sample(family, task, 200)}
    assert len(ids) > 180


@families
def test_small_images_get_small_networks(family: str, digits: Task, sample: Sample) -> None:
    architectures = sample(family, digits, 300)
    num_parameters = sorted(architecture.num_parameters for architecture in architectures)
    macs = sorted(architecture.macs(digits.image_size) for architecture in architectures)
    assert 1_000 < num_parameters[0] < 10_000
    assert num_parameters[-15] < 500_000
    assert 200_000 < macs[150] < 3_000_000
    assert macs[-15] < 10_000_000


@families
def test_the_stem_follows_the_size_of_the_image(family: str) -> None:
    described = get_family(family)
    for image_size, stem in ((8, "cifar"), (64, "cifar"), (65, "imagenet"), (224, "imagenet")):
        task = Task(image_size=image_size)
        assert described.architecture({}, task).to_dict()["stem"] == stem
        assert described.architecture({"stem": "cifar"}, task).to_dict()["stem"] == "cifar"


@families
@pytest.mark.parametrize("image_size", [1, 2, 3, 4, 7, 8, 28, 64, 65, 96, 224])
def test_the_deepest_network_of_a_default_space_fits_its_images(family: str, image_size: int) -> None:
    task = Task(image_size=image_size)
    space = get_family(family).default_space(task)
    values = space.resolve(lambda _name, parameter: list(grid(parameter))[-1])
    layers = get_family(family).architecture(values, task).layers(image_size)
    assert min(layer.output_shape[1] for layer in layers) >= 1


@families
@pytest.mark.parametrize(("kind", "count"), [("digits", 300), ("cifar", 160), ("imagenet", 40)])
def test_500_sampled_networks_agree_with_their_closed_forms_layer_by_layer(
    family: str, kind: str, count: int, sample: Sample, build_on_meta: Build
) -> None:
    task = TASKS[kind]
    for architecture in sample(family, task, count):
        model = build_on_meta(architecture).eval()
        assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters, architecture
        shapes = output_shapes(model, task)
        for layer in architecture.layers(task.image_size):
            if layer.kind in {"conv", "depthwise_conv", "batch_norm"}:
                assert shapes[layer.name] == layer.output_shape, (architecture, layer)
            if layer.num_parameters or layer.macs:
                assert figures(model.get_submodule(layer.name), layer.output_shape) == (
                    layer.num_parameters,
                    layer.macs,
                ), (architecture, layer)


def output_shapes(model: ImageClassifier, task: Task) -> dict[str, tuple[int, ...]]:
    """Shapes of one image's tensors after each module."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.__setitem__(name, tuple(output.shape[1:]))
        )
    with torch.no_grad():
        model(torch.zeros(1, task.in_channels, task.image_size, task.image_size, device="meta"))
    return shapes


def figures(module: nn.Module, output_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Parameters and MACs of a module: every weight of a convolution works once for each pixel that comes out."""
    num_parameters = sum(parameter.numel() for parameter in module.parameters())
    if not isinstance(module, nn.Conv2d | nn.Linear):
        return num_parameters, 0
    return num_parameters, module.weight.numel() * output_shape[1] * output_shape[2]


@families
def test_sampled_networks_have_the_shapes_and_macs_of_their_closed_forms(
    family: str, task: Task, sample: Sample, build_on_meta: Build
) -> None:
    for architecture in sample(family, task, 4):
        model = build_on_meta(architecture).eval()
        image = torch.zeros(1, task.in_channels, task.image_size, task.image_size, device="meta")
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            features = model.forward_features(image)
            logits = model.forward_head(features)
        assert features.shape[1] == model.num_features
        assert logits.shape == (1, task.num_classes)
        assert flops.get_total_flops() == 2 * architecture.macs(task.image_size), architecture


@families
@pytest.mark.parametrize(("kind", "count"), [("digits", 40), ("cifar", 4)])
def test_sampled_networks_train_a_step_of_the_recipes_batch_in_which_every_parameter_has_a_gradient(
    family: str, kind: str, count: int, sample: Sample
) -> None:
    torch.manual_seed(0)
    task = TASKS[kind]
    image_BCHW = torch.randn(BATCH_SIZE, task.in_channels, task.image_size, task.image_size)
    label_B = torch.arange(BATCH_SIZE) % task.num_classes
    for architecture in sample(family, task, count):
        model = registry.build_model(architecture).train()
        functional.cross_entropy(model(image_BCHW), label_B).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


@families
def test_sampled_networks_of_large_images_train_a_step_as_far_as_shapes_go(
    family: str, sample: Sample, build_on_meta: Build
) -> None:
    task = TASKS["imagenet"]
    image_BCHW = torch.zeros(BATCH_SIZE, task.in_channels, task.image_size, task.image_size, device="meta")
    for architecture in sample(family, task, 4):
        model = build_on_meta(architecture).train()
        model(image_BCHW).sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters()), architecture


@families
def test_channels_of_a_default_space_are_multiples_of_eight(family: str, task: Task) -> None:
    channels = {"growth_rate", "num_init_features", "base_width", "width"}
    parameters = get_family(family).default_space(task).parameters
    named = [parameter for parameter in parameters if re.sub(r"_\d+$", "", parameter.name) in channels]
    values = [value for parameter in named for value in grid(parameter)]
    assert all(isinstance(value, int) and value % 8 == 0 for value in values)
    # MobileNet searches a factor, and rounds what it makes.
    assert values or "width_mult" in {parameter.name for parameter in parameters}


@families
def test_an_unknown_axis_or_a_value_outside_its_rule_is_refused(family: str, digits: Task) -> None:
    described = get_family(family)
    wrong: list[dict[str, Any]] = [{"stme": "cifar"}, {"stem": "large"}, {"stem": 3}]
    for values in wrong:
        with pytest.raises(registry.ArchitectureError):
            described.architecture(values, digits)


@families
def test_every_axis_says_what_it_means(family: str) -> None:
    for name, axis in get_family(family).axes.items():
        assert axis.meaning, name
        assert str(axis.rule).startswith(("must", "needs")), name
