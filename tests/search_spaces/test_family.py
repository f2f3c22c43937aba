"""What holds for every family: its default spaces build, and networks are what their closed forms say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from search_spaces import Architecture, Task, get_family, list_families, registry
from search_spaces.layers import ImageClassifier
from search_spaces.space import grid

Sample = Callable[[str, Task, int], list[Architecture]]
Build = Callable[[Architecture], ImageClassifier]

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
def test_500_sampled_networks_have_the_parameters_of_their_closed_forms(
    family: str, digits: Task, sample: Sample
) -> None:
    for architecture in sample(family, digits, 500):
        model = registry.build_model(architecture)
        assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters, architecture


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
def test_sampled_networks_train_a_step_in_which_every_parameter_has_a_gradient(
    family: str, digits: Task, sample: Sample
) -> None:
    torch.manual_seed(0)
    image_BCHW, label_B = torch.randn(16, 1, 8, 8), torch.arange(16) % digits.num_classes
    for architecture in sample(family, digits, 12):
        model = registry.build_model(architecture).train()
        functional.cross_entropy(model(image_BCHW), label_B).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


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
