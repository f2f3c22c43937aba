"""Costs of many points at once are those of each network on its own, whatever a study searches."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import (
    ArchitectureError,
    Family,
    Point,
    SearchSpace,
    Task,
    get_family,
    list_families,
    registry,
)
from search_spaces.axes import Entry
from search_spaces.cost_columns import CostColumns
from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter, Value
from tests.examples.own_family import VGGFamily

Values = Mapping[str, Value]
Costs = tuple[int, int, int, int]

families = pytest.mark.parametrize("family", list_families())


def span(low: int, high: int, step: int = 1) -> IntParameter:
    return IntParameter(name="", low=low, high=high, step=step)


def choices(*values: Value) -> ChoiceParameter:
    return ChoiceParameter(name="", choices=values)


ENTRIES: dict[str, tuple[str, dict[str, Entry]]] = {
    "blocks of their own depths": ("densenet", {"num_blocks": span(1, 5), "num_layers": span(1, 6)}),
    "one depth for all blocks but the second": (
        "densenet",
        {"num_blocks": 3, "num_layers": 2, "num_layers_2": span(1, 9)},
    ),
    "lists of layers": ("densenet", {"block_config": choices((1,), (2, 3), (3, 2), (1, 1, 1), (6, 12, 24, 16))}),
    "no bottleneck, some, and recomputing": (
        "densenet",
        {"bn_size": choices(0, 1, 4), "memory_efficient": choices(True, False), "num_layers": span(1, 3)},
    ),
    "compression that leaves one channel": (
        "densenet",
        {
            "compression": FloatParameter(name="", low=0.01, high=1.0),
            "growth_rate": span(1, 3),
            "num_init_features": span(1, 5),
        },
    ),
    "whole and broken shares": ("densenet", {"compression": choices(1, 0.29, 0.5), "num_blocks": 3, "num_layers": 3}),
    "both stems": ("densenet", {"stem": choices("cifar", "imagenet", "auto"), "growth_rate": span(4, 40)}),
    "growth without bottleneck, where there is none": (
        "densenet",
        {
            "bn_size": choices(0, 2),
            "growth_rate": IntParameter(
                name="", low=4, high=64, log=True, condition=Condition(parameter="stem", values=("auto",))
            ),
        },
    ),
    "groups and their widths": (
        "resnet",
        {
            "block": choices("basic", "bottleneck"),
            "groups": choices(1, 2, 16, 32),
            "width_per_group": span(1, 128),
            "base_width": span(16, 96),
        },
    ),
    "as many groups as channels": (
        "resnet",
        {"block": "bottleneck", "groups": choices(1, 8, 16), "width_per_group": choices(4, 8, 64), "base_width": 16},
    ),
    "shortcuts of both kinds": (
        "resnet",
        {
            "shortcut": choices("projection", "padding"),
            "stem": choices("cifar", "imagenet"),
            "block": choices("basic", "bottleneck"),
        },
    ),
    "stages of their own depths and widths": (
        "resnet",
        {"num_stages": span(1, 6), "depth": span(1, 5), "width": span(1, 80)},
    ),
    "lists of depths and widths": (
        "resnet",
        {"depths": choices((1,), (2, 2), (3, 4, 6)), "widths": choices((8, 16, 32), (16, 16, 16, 24))},
    ),
    "widths too large for their stages": ("resnet", {"num_stages": span(1, 6), "base_width": span(200, 512)}),
    "widths fewer than stages": ("resnet", {"num_stages": span(1, 4), "widths": choices((8, 16), (8, 8, 8))}),
    "all versions": (
        "mobilenet",
        {
            "version": choices("v1", "v2", "v3"),
            "width_mult": FloatParameter(name="", low=0.1, high=2.0),
            "num_relu_stages": span(0, 8),
            "squeeze_excite": choices(True, False),
            "kernel_size": choices(3, 5, 7),
            "stem_width": span(1, 64),
            "last_width": span(1, 1500),
        },
    ),
    "ratios that widen some blocks only": (
        "mobilenet",
        {"version": choices("v2", "v3"), "expand_ratio": FloatParameter(name="", low=1.0, high=2.0, step=0.05)},
    ),
    "inverted stages of their own": (
        "mobilenet",
        {"num_stages": span(1, 8), "depth": span(1, 4), "stem": choices("cifar", "imagenet")},
    ),
    "lists of strides": (
        "mobilenet",
        {"strides": choices((1, 1, 2), (2, 2, 2), (1, 2, 1, 2)), "widths": choices((16, 16, 16), (8, 24, 40, 80))},
    ),
}


def scalar_costs(family: Family, values: Values, task: Task) -> Costs | None:
    """The costs of one network by the way of one network; none where it can't be built."""
    try:
        architecture = family.architecture(values, task)
    except ArchitectureError:
        return None
    layers = architecture.layers(task.image_size)
    activations = sum(math.prod(layer.output_shape) for layer in layers)
    return architecture.num_parameters, architecture.macs(task.image_size), activations, len(layers)


def rows_of(columns: CostColumns) -> list[Costs | None]:
    amounts = (columns.num_parameters_N, columns.macs_N, columns.num_activations_N, columns.num_layers_N)
    rows = zip(*(amount_N.tolist() for amount_N in amounts), strict=True)
    return [row if is_possible else None for row, is_possible in zip(rows, columns.is_possible_N.tolist(), strict=True)]


def sampled(space: SearchSpace, count: int) -> list[Point]:
    rng = random.Random(0)
    return [space.sample(rng) for _ in range(count)]


def assert_equal_costs(family: Family, points: Sequence[Values], task: Task) -> list[Costs | None]:
    expected = [scalar_costs(family, values, task) for values in points]
    assert rows_of(family.costs(points, task)) == expected
    return expected


@families
@pytest.mark.parametrize("image_size", [8, 32, 224])
def test_points_of_a_default_space_cost_what_each_costs_alone(family: str, image_size: int) -> None:
    task = Task(in_channels=1 if image_size == 8 else 3, num_classes=10, image_size=image_size)
    space = SearchSpace(families=(get_family(family).default_space(task),))
    points = [point.values for point in sampled(space, 60)]
    assert None not in assert_equal_costs(get_family(family), points, task)


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("image_size", [1, 4, 8, 32, 224])
def test_points_of_any_space_cost_what_each_costs_alone(name: str, image_size: int) -> None:
    family, entries = ENTRIES[name]
    task = Task(in_channels=1, num_classes=7, image_size=image_size)
    space = SearchSpace(families=(get_family(family).space(entries, task),))
    assert_equal_costs(get_family(family), [point.values for point in sampled(space, 40)], task)


def test_the_spaces_of_these_tests_have_networks_that_can_and_that_cannot_be_built() -> None:
    costs = []
    for family, entries in ENTRIES.values():
        task = Task(image_size=4)
        space = SearchSpace(families=(get_family(family).space(entries, task),))
        columns = get_family(family).costs([point.values for point in sampled(space, 40)], task)
        costs.extend(columns.is_possible_N.tolist())
    assert 0.2 < sum(costs) / len(costs) < 0.95


numbers = st.one_of(st.integers(-1, 9), st.sampled_from((0.25, 0.5, 1.0, 1.3, 64, 300, 2**40)))
lists = st.lists(st.integers(0, 5), max_size=7).flatmap(lambda items: st.sampled_from((items, tuple(items))))
words = st.sampled_from(("cifar", "imagenet", "basic", "bottleneck", "padding", "v1", "v3", "unknown"))
anything = st.one_of(numbers, lists, words, st.booleans())


def values_of(family: str) -> st.SearchStrategy[dict[str, Any]]:
    names = [*get_family(family).axes, "num_layers_1", "num_layers_2", "depth_1", "width_2", "misspelt"]
    return st.dictionaries(st.sampled_from(names), anything, max_size=3)


@families
@given(data=st.data())
def test_whatever_is_given_is_refused_or_costed_as_alone(family: str, data: st.DataObject) -> None:
    points = data.draw(st.lists(values_of(family), max_size=12))
    assert_equal_costs(get_family(family), points, Task(in_channels=2, num_classes=3, image_size=12))


@families
def test_a_preset_that_axes_can_say_costs_what_it_costs(family: str) -> None:
    described, task = get_family(family), Task()
    said = 0
    for preset in described.presets.values():
        fields = preset.replace(in_channels=3, num_classes=1000).to_dict()
        points = [{name: value for name, value in fields.items() if name in described.axes}]
        if scalar_costs(described, points[0], task) is None:
            continue  # a list with one ratio for each block is no value of an axis
        costs = (preset.replace(num_classes=1000).num_parameters, preset.replace(num_classes=1000).macs(224))
        columns = described.costs(points, task)
        assert (columns.num_parameters_N[0], columns.macs_N[0]) == costs
        said += 1
    assert said >= 3


def test_points_of_several_families_come_back_in_their_order() -> None:
    task = Task(in_channels=1, num_classes=10, image_size=8)
    points = sampled(SearchSpace(families=tuple(get_family(name).default_space(task) for name in list_families())), 100)
    expected = [scalar_costs(get_family(point.family), point.values, task) for point in points]
    assert rows_of(registry.costs(points, task)) == expected
    assert len({point.family for point in points}) == 3


def test_no_points_cost_nothing() -> None:
    columns = registry.costs([], Task())
    assert len(columns) == len(columns.macs_N) == 0
    assert columns.groups == ()


def test_points_that_differ_in_sizes_alone_are_described_once() -> None:
    family, task = get_family("densenet"), Task(image_size=32)
    points = [{"growth_rate": 8 + index, "num_layers_1": 1 + index % 5, "num_layers": 2} for index in range(50)]
    (group,) = family.costs(points, task).groups
    assert group.rows_G.tolist() == list(range(50))


@pytest.mark.parametrize("takes_columns", [False, True])
def test_a_family_of_ones_own_is_costed_alike_one_by_one_and_at_once(
    takes_columns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VGGFamily, "takes_columns", takes_columns)
    family, task = VGGFamily(), Task(in_channels=1, num_classes=10, image_size=8)
    space = SearchSpace(families=(family.space({**family.default_entries(task), "num_stages": span(1, 5)}, task),))
    points = [point.values for point in sampled(space, 60)]
    assert None in assert_equal_costs(family, points, task)
    num_groups = len(family.costs(points, task).groups)
    assert (num_groups < 25) == takes_columns
