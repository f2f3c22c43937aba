"""A family of one's own, as small as can be, and a distribution that holds it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

from search_spaces import Architecture, Family, Task
from search_spaces.axes import Axis, Entry
from search_spaces.costs import Layer, LayerPlan
from search_spaces.layers import mean_over_pixels
from search_spaces.parameters import IntParameter, Value
from search_spaces.rules import Rule, WholeNumber


@dataclass(frozen=True, kw_only=True)
class StackArchitecture(Architecture):
    """A family of one's own, in full: a few equal convolutions."""

    family: ClassVar[str] = "stack"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,
        "width": WholeNumber(1, 64),
        "depth": WholeNumber(1, 8),
    }

    width: int = 8
    depth: int = 2

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size)
        for index in range(self.depth):
            plan.conv(f"convs.{2 * index}", self.width, kernel_size=3)
            plan.activation(f"convs.{2 * index + 1}")
        plan.global_pool("convs")
        plan.linear("fc", self.num_classes)
        return tuple(plan.layers)


class Stack(nn.Module):
    def __init__(self, architecture: StackArchitecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(architecture.depth):
            in_channels = architecture.width if index else architecture.in_channels
            layers += [nn.Conv2d(in_channels, architecture.width, 3, padding=1, bias=False), nn.ReLU()]
        self.convs = nn.Sequential(*layers)
        self.fc = nn.Linear(architecture.width, architecture.num_classes)

    def forward(self, image_BCHW: Any) -> Any:
        return self.fc(mean_over_pixels(self.convs(image_BCHW)))


class StackFamily(Family):
    name = "stack"
    architecture_type = StackArchitecture
    presets: ClassVar[Mapping[str, Architecture]] = {"stack8": StackArchitecture()}
    axes: ClassVar[Mapping[str, Axis]] = {
        "width": Axis(rule=WholeNumber(1, 64), meaning="channels"),
        "depth": Axis(rule=WholeNumber(1, 8), meaning="convolutions"),
    }

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return {"width": 8, "depth": 2}

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return {"width": IntParameter(name="width", low=8, high=32, step=8)}

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        return values

    def build(self, architecture: Architecture) -> nn.Module:
        assert isinstance(architecture, StackArchitecture)
        return Stack(architecture)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, entry_point: str) -> None:
    """Puts a distribution with one entry point on the path, as an installer would."""
    metadata = folder / "own_families-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-families\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[archfront.families]\n{entry_point}\n")
    (folder / "own_families.py").write_text(f"from {__name__} import StackFamily\nfamily = StackFamily()\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_families", raising=False)
