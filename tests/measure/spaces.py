"""The space and the task that tests of this folder search in."""

from __future__ import annotations

from search_spaces.architecture import Task
from search_spaces.registry import get_family
from search_spaces.space import SearchSpace

DIGITS = Task(in_channels=1, num_classes=10, image_size=8)
FAMILIES = ("densenet", "resnet", "mobilenet")


def default_space(task: Task = DIGITS) -> SearchSpace:
    return SearchSpace(families=tuple(get_family(name).default_space(task) for name in FAMILIES))
