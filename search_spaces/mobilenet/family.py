"""The MobileNet family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture, Task
from search_spaces.axes import Entry, each
from search_spaces.family import Family, stem_for
from search_spaces.mobilenet import space
from search_spaces.mobilenet.architecture import MobileNetArchitecture
from search_spaces.mobilenet.presets import PRESETS
from search_spaces.parameters import Value

if TYPE_CHECKING:
    from torch import nn


class MobileNetFamily(Family):
    """Networks of depthwise separable convolutions."""

    name = MobileNetArchitecture.family
    architecture_type = MobileNetArchitecture
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
            **{name: values[name] for name in MobileNetArchitecture.rules if name in values},
            "stem": stem_for(values, task),
            "depths": depths,
            "widths": values["widths"][: len(depths)],
            "strides": values["strides"][: len(depths)],
        }

    def build(self, architecture: Architecture) -> nn.Module:
        from search_spaces.mobilenet.model import MobileNet  # torch takes seconds to import

        assert isinstance(architecture, MobileNetArchitecture)
        return MobileNet(architecture)
