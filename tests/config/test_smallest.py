from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config.smallest import find_smallest
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError, GeometryError
from search_spaces.parameters import ChoiceParameter, IntParameter, Value
from search_spaces.registry import get_family
from search_spaces.space import FamilySpace, grid

TASK = Task(in_channels=1, num_classes=10, image_size=16)
IMPOSSIBLE = {"num_parameters": 0.5, "macs": 0.5}

_SMALL_RANGES = st.tuples(st.integers(0, 12), st.integers(0, 3)).map(lambda ends: (ends[0], ends[0] + ends[1]))


def _ranged(name: str, low: int) -> st.SearchStrategy[IntParameter]:
    return _SMALL_RANGES.map(lambda ends: IntParameter(name=name, low=ends[0] + low, high=ends[1] + low))


def _chosen(name: str, *values: Value) -> st.SearchStrategy[ChoiceParameter]:
    choices = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return choices.map(lambda some: ChoiceParameter(name=name, choices=tuple(some)))


_AXES = {
    "densenet": [
        _ranged("growth_rate", 1),
        _chosen("bn_size", 0, 1, 2, 4),
        _chosen("compression", 0.25, 0.5, 1.0),
        _chosen("block_config", (1,), (2, 2), (1, 3, 1), (4, 1)),
    ],
    "resnet": [
        _ranged("base_width", 8),
        _chosen("block", "basic", "bottleneck"),
        _chosen("depths", (1, 1), (2, 1), (1, 1, 1)),
    ],
    "mobilenet": [
        _chosen("width_mult", 0.5, 1.0, 2.0),
        _chosen("expand_ratio", 1.0, 2.0, 6.0),
        _chosen("kernel_size", 3, 5, 7),
        _chosen("squeeze_excite", True, False),
    ],
}


def _spaces() -> st.SearchStrategy[FamilySpace]:
    def of(family: str) -> st.SearchStrategy[FamilySpace]:
        entries = st.tuples(*_AXES[family]).map(lambda axes: {axis.name: axis for axis in axes})
        return entries.map(lambda given: get_family(family).space(given, TASK))

    return st.sampled_from(sorted(_AXES)).flatmap(of)


def _brute_force(space: FamilySpace) -> tuple[float, float]:
    parameters, macs = math.inf, math.inf
    names = [one.name for one in space.parameters]
    for point in itertools.product(*(grid(one) for one in space.parameters)):
        values = space.resolve(lambda _name, one, point=point: point[names.index(one.name)])
        try:
            one = get_family(space.family).architecture(values, TASK)
        except ArchitectureError:
            continue
        parameters, macs = min(parameters, one.num_parameters), min(macs, one.macs(TASK.image_size))
    return parameters, macs


@settings(max_examples=60)
@given(_spaces())
def test_the_smallest_network_is_that_of_a_search_through_all(space: FamilySpace) -> None:
    parameters, macs = _brute_force(space)
    smallest = find_smallest(space, TASK, IMPOSSIBLE)
    assert smallest.figures == {"num_parameters": parameters, "macs": macs}


@pytest.mark.parametrize("family", sorted(_AXES))
def test_the_fewest_parameters_of_a_default_space_are_exact(family: str) -> None:
    assert "num_parameters" in find_smallest(get_family(family).default_space(TASK), TASK, IMPOSSIBLE).exact


def test_an_axis_that_saves_macs_as_it_grows_is_followed_and_called_inexact() -> None:
    family = get_family("mobilenet")
    fixed = {"depth": 1, "strides": (1, 2, 2), "widths": (16, 16, 16), "last_width": 1280}
    entries = {**fixed, "num_stages": IntParameter(name="num_stages", low=1, high=3)}
    smallest = find_smallest(family.space(entries, TASK), TASK, IMPOSSIBLE)
    assert smallest.figures["macs"] == family.architecture({**fixed, "num_stages": 3}, TASK).macs(TASK.image_size)
    assert smallest.exact == {"num_parameters"}


def test_many_choices_are_called_inexact_and_the_smallest_is_found() -> None:
    family = get_family("densenet")
    entries = {
        "num_blocks": 3,
        "num_layers": ChoiceParameter(name="num_layers", choices=(1, 2, 3, 4, 5, 6)),
        "bn_size": ChoiceParameter(name="bn_size", choices=(4, 2, 1, 0)),
    }
    smallest = find_smallest(family.space(entries, TASK), TASK, IMPOSSIBLE)
    expected = [
        family.architecture({"num_blocks": 3, "num_layers": 1, "bn_size": bn_size}, TASK).num_parameters
        for bn_size in (4, 2, 1, 0)
    ]
    assert smallest.figures["num_parameters"] == min(expected)
    assert not smallest.exact


def test_a_space_of_which_nothing_can_be_built_says_why() -> None:
    space = get_family("densenet").space({"num_blocks": 6, "stem": "imagenet"}, TASK)
    smallest = find_smallest(space, TASK, {})
    assert smallest.figures == {}
    assert isinstance(smallest.refusal, GeometryError)


@pytest.mark.parametrize("family", sorted(_AXES))
def test_the_first_network_within_the_bounds_ends_the_search(family: str) -> None:
    space = get_family(family).default_space(TASK)
    smallest = find_smallest(space, TASK, {"num_parameters": 1e12})
    assert smallest.figures["num_parameters"] <= 1e12
    assert smallest.refusal is None
