"""The DenseNet family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture, Task
from search_spaces.axes import Entry, each
from search_spaces.densenet import space
from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.densenet.presets import PRESETS
from search_spaces.family import Family, stem_for
from search_spaces.parameters import Value

if TYPE_CHECKING:
    from torch import nn


class DenseNetFamily(Family):
    """Networks in which each layer reads the outputs of all layers before it."""

    name = DenseNetArchitecture.family
    architecture_type = DenseNetArchitecture
    presets = PRESETS
    axes = space.AXES
    takes_columns = True

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return space.defaults(task)

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return space.default_entries(task)

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        return {
            **{name: values[name] for name in DenseNetArchitecture.rules if name in values},
            "stem": stem_for(values, task),
            "block_config": values.get("block_config") or each(values, "num_layers", values["num_blocks"]),
        }

    def build(self, architecture: Architecture) -> nn.Module:
        from search_spaces.densenet.model import DenseNet  # torch takes seconds to import

        assert isinstance(architecture, DenseNetArchitecture)
        return DenseNet(architecture)
