from __future__ import annotations

import random

import pytest

from search_spaces import registry
from search_spaces.architecture import Task
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter
from search_spaces.space import Point, contains, draw, grid

TASKS = [Task(in_channels=1, num_classes=10, image_size=8), Task(in_channels=3, num_classes=10, image_size=32), Task()]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.image_size}px")
@pytest.mark.parametrize("name", ["densenet", "resnet", "mobilenet"])
def test_the_architecture_of_a_point_is_found_at_a_point_of_the_same_network(name: str, task: Task) -> None:
    family = registry.get_family(name)
    space = family.default_space(task)
    rng = random.Random(0)
    for _ in range(60):
        network = family.architecture(space.resolve(lambda _, parameter: draw(parameter, rng)), task)
        point = family.point_of(network, space, task)
        assert isinstance(point, Point)
        assert registry.architecture(point, task).architecture_id == network.architecture_id


def test_published_networks_are_points_of_the_default_space_for_photographs() -> None:
    for family, name in (("densenet", "densenet121"), ("resnet", "resnet18"), ("mobilenet", "mobilenet_v2")):
        found = registry.get_family(family)
        point = found.point_of(registry.get_architecture(name), found.default_space(Task()), Task())
        assert point is not None
        assert registry.architecture(point, Task()) == registry.get_architecture(name)


def test_a_network_outside_the_space_is_at_no_point() -> None:
    family = registry.get_family("densenet")
    assert family.point_of(registry.get_architecture("densenet264"), family.default_space(Task()), Task()) is None
    small = family.default_space(TASKS[0])
    assert family.point_of(registry.get_architecture("densenet121"), small, TASKS[0]) is None


@pytest.mark.parametrize(
    "parameter",
    [
        IntParameter(name="a", low=4, high=16, step=4),
        FloatParameter(name="b", low=0.1, high=0.5, step=0.1),
        ChoiceParameter(name="c", choices=((1, 2), (3,))),
    ],
)
def test_an_axis_contains_its_values_and_no_other(parameter: IntParameter | FloatParameter | ChoiceParameter) -> None:
    assert all(contains(parameter, value) for value in grid(parameter))
    assert not any(contains(parameter, value) for value in (5, 0.55, True, "x", None, (9,), 20))
