"""Identity as a property: over sampled architectures and presets, one id is one network, and one network one id."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Architecture, SearchSpace, get_family, list_families, registry
from search_spaces.costs import Layer
from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.errors import ArchitectureError
from search_spaces.mobilenet.architecture import MobileNetArchitecture
from search_spaces.resnet.architecture import ResNetArchitecture
from tests.search_spaces.conftest import TASKS

SILENT = {"drop_rate", "num_relu_stages"}
"""Fields that change what a network does and none of its figures."""

UNUSUAL = {
    "densenet": [
        DenseNetArchitecture(memory_efficient=True),
        DenseNetArchitecture(block_config=(4,), compression=0.75),
    ],
    "resnet": [
        ResNetArchitecture(depths=(2,), widths=(64,)),
        ResNetArchitecture(depths=(1,), widths=(64,), shortcut="padding", stem="cifar"),
    ],
    "mobilenet": [
        MobileNetArchitecture(kernel_size=(3,) * 7, squeeze_excite=(False,) * 7, width_mult=0.99),
        MobileNetArchitecture(version="v1", expand_ratio=3, last_width=640),
    ],
}
"""Architectures with fields that have no effect, or a value in its other form; neither presets nor spaces have them."""


@st.composite
def architectures(draw_from: st.DrawFn, family: str) -> Architecture:
    """A preset of the family, an unusual one, or a point of one of its default spaces."""
    described = get_family(family)
    if draw_from(st.booleans()):
        return draw_from(st.sampled_from([*UNUSUAL[family], *described.presets.values()]))
    task = TASKS[draw_from(st.sampled_from(list(TASKS)))]
    rng = random.Random(draw_from(st.integers(0, 2**16)))
    return registry.architecture(SearchSpace(families=(described.default_space(task),)).sample(rng), task)


pairs = st.sampled_from(list_families()).flatmap(lambda family: st.tuples(architectures(family), architectures(family)))


def layers(architecture: Architecture) -> list[Layer]:
    """What the network consists of; what a layer keeps for the backward pass is how it is trained."""
    return [dataclasses.replace(layer, saved_bytes=0) for layer in architecture.layers(64)]


def crossings(one: Architecture, other: Architecture) -> Iterator[tuple[str, Architecture]]:
    """The first with one field of the second at a time, where the family allows that."""
    for field in dataclasses.fields(one):
        with contextlib.suppress(ArchitectureError):
            yield field.name, one.replace(**{field.name: getattr(other, field.name)})


@settings(max_examples=200)
@given(pairs)
def test_a_field_changes_the_id_exactly_where_it_changes_the_network(pair: tuple[Architecture, Architecture]) -> None:
    one = pair[0]
    for name, changed in crossings(*pair):
        has_one_id, is_one_network = changed.architecture_id == one.architecture_id, layers(changed) == layers(one)
        assert is_one_network or not has_one_id, name
        assert has_one_id or not is_one_network or name in SILENT, name


@given(pairs)
def test_a_default_may_be_given_or_left_out(pair: tuple[Architecture, Architecture]) -> None:
    architecture = pair[0]
    given_fields = {
        field.name: value
        for field in dataclasses.fields(architecture)
        if (value := getattr(architecture, field.name)) != field.default
    }
    again = type(architecture).from_fields(given_fields)
    assert again == architecture
    assert again.architecture_id == architecture.architecture_id
