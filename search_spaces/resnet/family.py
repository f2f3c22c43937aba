"""The ResNet family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture, Task
from search_spaces.axes import Entry, each
from search_spaces.family import Family, stem_for
from search_spaces.parameters import Value
from search_spaces.resnet import space
from search_spaces.resnet.architecture import ResNetArchitecture
from search_spaces.resnet.presets import PRESETS

if TYPE_CHECKING:
    from torch import nn


class ResNetFamily(Family):
    """Networks of blocks with shortcuts around them."""

    name = ResNetArchitecture.family
    architecture_type = ResNetArchitecture
    presets = PRESETS
    axes = space.AXES
    takes_columns = True

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return space.defaults(task)

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return space.default_entries(task)

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        depths = values.get("depths") or each(values, "depth", values["num_stages"])
        return {
            **{name: values[name] for name in ("block", "groups", "width_per_group", "shortcut")},
            "stem": stem_for(values, task),
            "depths": depths,
            "widths": _widths(values, len(depths)),
        }

    def build(self, architecture: Architecture) -> nn.Module:
        from search_spaces.resnet.model import ResNet  # torch takes seconds to import

        assert isinstance(architecture, ResNetArchitecture)
        return ResNet(architecture)


def _widths(values: Mapping[str, Any], num_stages: int) -> tuple[int, ...]:
    """The widths of so many stages; a list may be longer than that."""
    if "widths" in values:
        widths: tuple[int, ...] = values["widths"]
        return widths[:num_stages]
    if "base_width" in values:
        return tuple(values["base_width"] * 2**index for index in range(num_stages))
    return each(values, "width", num_stages)
