"""Memory and file of a network in closed form, against torch and safetensors."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.torch import save

from search_spaces import Architecture, SearchSpace, Task, get_architecture, get_family, registry
from search_spaces.columns import plain
from search_spaces.inference import file_bytes, peak_memory_bytes
from tests.live_tensors import inference_bytes

FAMILIES = ("densenet", "resnet", "mobilenet")
NETWORKS = {
    "densenet121 of two blocks": get_architecture("densenet121", block_config=(3, 2), num_classes=10),
    "densenet40_k12_cifar": get_architecture("densenet40_k12_cifar"),
    "resnet18": get_architecture("resnet18", num_classes=10),
    "resnext50_32x4d": get_architecture("resnext50_32x4d", depths=(2, 1, 2, 1)),
    "resnet20_cifar": get_architecture("resnet20_cifar"),
    "mobilenet": get_architecture("mobilenet"),
    "mobilenet_v2": get_architecture("mobilenet_v2"),
    "mobilenet_v3_small": get_architecture("mobilenet_v3_small"),
}

Sample = Callable[[str, Task, int], list[Architecture]]


def _networks(sample: Sample, task: Task) -> list[Architecture]:
    return [network for family in FAMILIES for network in sample(family, task, 5)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_inference_is_that_of_torch_to_the_byte(name: str) -> None:
    network = NETWORKS[name]
    image_BCHW = torch.zeros(2, network.in_channels, 64, 64)
    expected = inference_bytes(registry.build_model(network), image_BCHW)
    assert peak_memory_bytes(network.layers(64), batch_size=2, is_folded=False) == expected


@pytest.mark.parametrize("size", ["digits", "cifar"])
def test_the_peak_of_sampled_networks_is_that_of_torch_to_the_byte(sample: Sample, size: str) -> None:
    task = Task(in_channels=1, num_classes=10, image_size=8 if size == "digits" else 32)
    image_BCHW = torch.zeros(3, task.in_channels, task.image_size, task.image_size)
    for network in _networks(sample, task):
        expected = inference_bytes(registry.build_model(network), image_BCHW)
        found = peak_memory_bytes(network.layers(task.image_size), batch_size=3, is_folded=False)
        assert found == expected, network


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_of_a_preset_is_known_within_one_in_two_hundred(name: str) -> None:
    network = NETWORKS[name]
    assert file_bytes(network.layers(64)) == pytest.approx(_saved_bytes(network), rel=0.005)


def test_the_file_of_a_small_network_is_known_within_two_per_cent(sample: Sample, digits: Task) -> None:
    for network in _networks(sample, digits):
        assert file_bytes(network.layers(digits.image_size)) == pytest.approx(_saved_bytes(network), rel=0.02)


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("image_size", [8, 32, 224])
def test_figures_of_many_networks_are_those_of_each(image_size: int, is_folded: bool) -> None:
    task = Task(in_channels=3, num_classes=10, image_size=image_size)
    space = SearchSpace(families=tuple(get_family(family).default_space(task) for family in FAMILIES))
    rng = random.Random(0)
    points = [space.sample(rng) for _ in range(60)]
    found = {}
    for group in registry.costs(points, task).groups:
        memory_G = plain(peak_memory_bytes(group.layers, batch_size=7, is_folded=is_folded))
        files_G = plain(file_bytes(group.layers))
        for place, row in enumerate(group.rows_G.tolist()):
            found[row] = [int(np.broadcast_to(column_G, len(group.rows_G))[place]) for column_G in (memory_G, files_G)]
    assert found
    for row, figures in found.items():
        layers = registry.architecture(points[row], task).layers(image_size)
        assert figures == [peak_memory_bytes(layers, batch_size=7, is_folded=is_folded), file_bytes(layers)]


def test_a_folded_network_takes_no_more_memory(sample: Sample, digits: Task) -> None:
    for network in _networks(sample, digits):
        layers = network.layers(digits.image_size)
        folded, eager = (peak_memory_bytes(layers, batch_size=1, is_folded=folds) for folds in (True, False))
        assert folded <= eager


def test_weights_are_there_once_whatever_the_batch() -> None:
    layers = get_architecture("resnet18").layers(64)
    one, two, three = (peak_memory_bytes(layers, batch_size=size, is_folded=True) for size in (1, 2, 3))
    assert three - two == two - one < one


def _saved_bytes(network: Architecture) -> int:
    model = registry.build_model(network)
    return len(save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}))
