"""DenseNet beyond its presets: torchvision's network where torchvision can build it, our own where it can't."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.models.densenet import DenseNet

from search_spaces import Architecture
from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.layers import ImageClassifier

Build = Callable[[Architecture], ImageClassifier]

blocks = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)
# The fixture is a function without state.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@shared
@given(growth_rate=st.integers(1, 12), block_config=blocks, bn_size=st.integers(1, 4), first=st.integers(2, 24))
def test_at_compression_one_half_it_is_torchvisions(
    build_on_meta: Build, growth_rate: int, block_config: tuple[int, ...], bn_size: int, first: int
) -> None:
    ours = DenseNetArchitecture(
        growth_rate=growth_rate, block_config=block_config, bn_size=bn_size, num_init_features=first, num_classes=5
    )
    with torch.device("meta"):
        theirs = DenseNet(growth_rate, block_config, first, bn_size, num_classes=5)
    shapes = [(name, value.shape) for name, value in theirs.state_dict().items()]
    assert [(name, value.shape) for name, value in build_on_meta(ours).state_dict().items()] == shapes
    assert ours.num_parameters == sum(parameter.numel() for parameter in theirs.parameters())


@shared
@given(
    growth_rate=st.integers(1, 12),
    block_config=blocks,
    bn_size=st.integers(0, 3),
    first=st.integers(1, 24),
    compression=st.floats(0, 1, exclude_min=True),
    stem=st.sampled_from(("imagenet", "cifar")),
)
def test_any_architecture_is_built_as_its_closed_form_says(build_on_meta: Build, **fields: object) -> None:
    fields["num_init_features"] = fields.pop("first")
    architecture = DenseNetArchitecture.from_fields({**fields, "in_channels": 1, "num_classes": 5})
    model = build_on_meta(architecture).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == architecture.num_parameters
    assert model(torch.zeros(1, 1, 32, 32, device="meta")).shape == (1, 5)
