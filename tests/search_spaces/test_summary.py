"""What describe shows: stages that add up, and memory as it is measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search_spaces import Architecture, Task, get_architecture, list_families, list_models
from search_spaces.errors import GeometryError
from search_spaces.layers import ImageClassifier
from search_spaces.summary import summarize
from tests.live_tensors import measured_bytes

Sample = Callable[[str, Task, int], list[Architecture]]
Build = Callable[[Architecture], ImageClassifier]


@pytest.mark.parametrize("name", list_models())
def test_stages_add_up_to_the_whole(name: str) -> None:
    architecture = get_architecture(name)
    summary = summarize(architecture, image_size=64, batch_size=8)
    assert sum(stage.num_parameters for stage in summary.stages) == summary.num_parameters
    assert summary.num_parameters == architecture.num_parameters
    assert sum(stage.macs for stage in summary.stages) == summary.macs == architecture.macs(64)
    assert sum(stage.activation_bytes for stage in summary.stages) <= summary.activation_bytes
    assert summary.stages[-1].output_shape == (architecture.num_classes, 1, 1)
    assert len({stage.name for stage in summary.stages}) == len(summary.stages)


def test_depth_is_counted_as_in_the_names_of_networks() -> None:
    summary = summarize(get_architecture("densenet121"), image_size=224)
    assert sum(stage.num_convs for stage in summary.stages) == 121
    assert [stage.name for stage in summary.stages][:3] == ["stem", "features.denseblock1", "features.transition1"]
    assert [stage.output_shape for stage in summary.stages][:3] == [(64, 56, 56), (256, 56, 56), (128, 28, 28)]


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(GeometryError) as refusal:
        summarize(get_architecture("densenet121"), image_size=16)
    assert refusal.value.message == ("image_size = 16: stage 'features.transition3' would shrink 1x1 below one pixel")
    assert refusal.value.hint == "use images of 32 pixels and more, fewer than 4 blocks, or stem = 'cifar'"


@pytest.mark.parametrize("batch_size", [4, 64])
@pytest.mark.parametrize(
    "name",
    [
        "densenet40_k12_cifar",
        "resnet18",
        "resnet50",
        "resnet20_cifar",
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_small",
    ],
)
def test_memory_of_a_preset_is_within_two_percent_of_measured(name: str, batch_size: int, build_on_meta: Build) -> None:
    architecture, side = get_architecture(name), 32 if name.endswith("_cifar") else 224
    measured = measured_bytes(build_on_meta(architecture), batch_size, side)
    assert summarize(architecture, image_size=side, batch_size=batch_size).activation_bytes == pytest.approx(
        measured, rel=0.02
    )


@pytest.mark.parametrize("name", ["densenet121", "densenet_bc100_k12_cifar"])
def test_memory_efficient_densenet_needs_at_most_six_tenths(name: str, build_on_meta: Build) -> None:
    side = 32 if name.endswith("_cifar") else 224
    plain, lean = get_architecture(name), get_architecture(name, memory_efficient=True)
    predicted = [summarize(each, image_size=side, batch_size=16).activation_bytes for each in (plain, lean)]
    measured = [measured_bytes(build_on_meta(each), 16, side) for each in (plain, lean)]
    assert predicted == pytest.approx(measured, rel=0.02)
    assert measured[1] <= 0.6 * measured[0]


@pytest.mark.parametrize("family", list_families())
@pytest.mark.parametrize("image_size", [8, 32])
def test_memory_of_small_networks_is_within_ten_percent_of_measured(
    family: str, image_size: int, sample: Sample, build_on_meta: Build
) -> None:
    task = Task(in_channels=3, num_classes=10, image_size=image_size)
    for index, architecture in enumerate(sample(family, task, 8)):
        lean = {"memory_efficient": True} if family == "densenet" and index % 2 else {}
        network = architecture.replace(**lean)
        measured = measured_bytes(build_on_meta(network), 64, image_size)
        predicted = summarize(network, image_size=image_size, batch_size=64).activation_bytes
        assert predicted == pytest.approx(measured, rel=0.1), network
