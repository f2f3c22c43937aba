"""ResNet beyond its presets: torchvision's network where torchvision can build it, our own where it can't."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from search_spaces import Architecture
from search_spaces.layers import ImageClassifier
from search_spaces.resnet.architecture import ResNetArchitecture

Build = Callable[[Architecture], ImageClassifier]

# The fixture is a function without state.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("width_per_group", [8, 64, 100])
def test_at_the_widths_of_the_paper_it_is_torchvisions(groups: int, width_per_group: int, build_on_meta: Build) -> None:
    ours = ResNetArchitecture(
        block="bottleneck", depths=(1, 2, 1, 1), groups=groups, width_per_group=width_per_group, num_classes=5
    )
    with torch.device("meta"):
        theirs = ResNet(Bottleneck, [1, 2, 1, 1], 5, groups=groups, width_per_group=width_per_group)
    shapes = [(name, value.shape) for name, value in theirs.state_dict().items()]
    assert [(name, value.shape) for name, value in build_on_meta(ours).state_dict().items()] == shapes


def test_basic_blocks_are_torchvisions(build_on_meta: Build) -> None:
    with torch.device("meta"):
        theirs = ResNet(BasicBlock, [1, 2, 3, 1], 5)
    ours = build_on_meta(ResNetArchitecture(depths=(1, 2, 3, 1), num_classes=5))
    assert [(name, value.shape) for name, value in ours.state_dict().items()] == [
        (name, value.shape) for name, value in theirs.state_dict().items()
    ]


@shared
@given(
    block=st.sampled_from(("basic", "bottleneck")),
    stages=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 40)), min_size=1, max_size=4),
    groups=st.integers(1, 3),
    shortcut=st.sampled_from(("projection", "padding")),
    stem=st.sampled_from(("imagenet", "cifar")),
)
def test_any_architecture_is_built_as_its_closed_form_says(
    build_on_meta: Build, stages: list[tuple[int, int]], **fields: object
) -> None:
    architecture = ResNetArchitecture.from_fields(
        {
            **fields,
            "depths": [depth for depth, _ in stages],
            "widths": [width for _, width in stages],
            "in_channels": 1,
            "num_classes": 5,
        }
    )
    model = build_on_meta(architecture).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters
    features = model.forward_features(torch.zeros(1, 1, 17, 17, device="meta"))
    last = [layer for layer in architecture.layers(17) if layer.stage != "head"][-1]
    assert features.shape[1:] == last.output_shape
