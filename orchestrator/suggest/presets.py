"""Published networks that a space holds: first points that everybody knows, and marks to compare with."""

from __future__ import annotations

from search_spaces import registry
from search_spaces.architecture import Task
from search_spaces.space import Point, SearchSpace


def preset_points(space: SearchSpace, task: Task) -> dict[str, Point]:
    """Of each family the smallest preset that is a point of the space, made for the task, by its name."""
    points: dict[str, Point] = {}
    for family_space in space.families:
        family = registry.get_family(family_space.family)
        found = []
        for name, preset in family.presets.items():
            network = preset.replace(in_channels=task.in_channels, num_classes=task.num_classes)
            point = family.point_of(network, family_space, task)
            if point is not None:
                found.append((network.num_parameters, name, point))
        if found:
            _, name, point = min(found, key=lambda one: one[:2])
            points[name] = point
    return points
