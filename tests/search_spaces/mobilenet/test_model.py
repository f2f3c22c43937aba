"""MobileNet beyond its presets: torchvision's network at every width, our own where torchvision has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_spaces import Architecture, get_architecture
from search_spaces.layers import ImageClassifier
from search_spaces.mobilenet.architecture import MobileNetArchitecture

Build = Callable[[Architecture], ImageClassifier]

# The fixture is a function without state.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"])
@pytest.mark.parametrize("width_mult", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_it_is_torchvisions_at_every_width(name: str, width_mult: float, build_on_meta: Build) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, width_mult=width_mult)
    ours = build_on_meta(get_architecture(name, width_mult=width_mult))
    assert [(key, value.shape) for key, value in ours.state_dict().items()] == [
        (key, value.shape) for key, value in theirs.state_dict().items()
    ]


@shared
@given(
    version=st.sampled_from(("v1", "v2", "v3")),
    width_mult=st.floats(0.1, 2.0),
    stages=st.lists(
        st.tuples(st.integers(1, 2), st.integers(4, 40), st.integers(1, 2), st.sampled_from((3, 5, 7)), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    expand_ratio=st.floats(1, 6),
    num_relu_stages=st.integers(0, 4),
    stem=st.sampled_from(("imagenet", "cifar")),
)
def test_any_architecture_is_built_as_its_closed_form_says(
    build_on_meta: Build, stages: list[tuple[int, int, int, int, bool]], **fields: object
) -> None:
    names = ("depths", "widths", "strides", "kernel_size", "squeeze_excite")
    lists = {name: list(values) for name, values in zip(names, zip(*stages, strict=True), strict=True)}
    architecture = MobileNetArchitecture.from_fields({**fields, **lists, "in_channels": 1, "num_classes": 5})
    model = build_on_meta(architecture).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters
    features = model.forward_features(torch.zeros(1, 1, 17, 17, device="meta"))
    last = [layer for layer in architecture.layers(17) if layer.stage != "head"][-1]
    assert features.shape[1:] == last.output_shape
