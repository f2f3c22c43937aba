"""A family whose networks are of one size and differ in what they do while they are trained."""

from __future__ import annotations

import inspect
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
from torch import Tensor, nn

from search_spaces import Architecture, Family, Task
from search_spaces.axes import Axis, Entry
from search_spaces.costs import Layer, LayerPlan
from search_spaces.layers import mean_over_pixels
from search_spaces.parameters import IntParameter, Value
from search_spaces.rules import Rule, WholeNumber

CONDUCTS = ("behaves", "raises", "diverges", "chatters", "sleeps", "dies", "eats")
"""By number, as the architecture has it."""
NUM_CHATTERED_BYTES = 300 << 20
PATIENCE_S = 2.0
_MOST_EATEN = 0.4
"""Of the machine's memory."""
_BLOCK_BYTES = 64 << 20


def install(folder: Path) -> None:
    """Puts a distribution into a folder that is on the path of a study's processes, as an installer would."""
    metadata = folder / "unruly-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: unruly\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[archfront.families]\nunruly = {__name__}:family\n")


@dataclass(frozen=True, kw_only=True)
class UnrulyArchitecture(Architecture):
    family: ClassVar[str] = "unruly"
    rules: ClassVar[Mapping[str, Rule]] = {**Architecture.rules, "conduct": WholeNumber(0, len(CONDUCTS) - 1)}

    conduct: int = 0

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size)
        plan.conv("conv", 8, kernel_size=3)
        plan.global_pool("conv")
        plan.linear("fc", self.num_classes)
        return tuple(plan.layers)


class Unruly(nn.Module):
    def __init__(self, architecture: UnrulyArchitecture) -> None:
        super().__init__()
        self.conv = nn.Conv2d(architecture.in_channels, 8, 3, padding=1, bias=False)
        self.fc = nn.Linear(8, architecture.num_classes)
        self._conduct = CONDUCTS[architecture.conduct]

    def forward(self, image_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.fc(mean_over_pixels(self.conv(image_BCHW).relu()))
        if not self.training:
            return logits_BK
        match self._conduct:
            case "raises":
                raise KeyError("no such stage")
            case "diverges":
                return logits_BK * float("nan")
            case "chatters":
                self._conduct = "behaves"
                for _ in range(NUM_CHATTERED_BYTES >> 20):
                    print("x" * (1 << 20))
            case "sleeps":
                self._hurry_watchdog()
                time.sleep(3600)
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "eats":
                _eat()
        return logits_BK

    def _hurry_watchdog(self) -> None:
        """Lets it wait for seconds where it would wait for minutes; it is found by the hook that it has put here."""
        hook = next(iter(self._forward_pre_hooks.values()))
        watchdog: Any = inspect.getclosurevars(hook).nonlocals["self"]
        watchdog._limit_s = PATIENCE_S
        watchdog._arm()


def _eat() -> None:
    """Takes memory until Ray ends this worker, within reason."""
    blocks: list[bytes] = []
    while len(blocks) * _BLOCK_BYTES < _MOST_EATEN * psutil.virtual_memory().total:
        blocks.append(b"x" * _BLOCK_BYTES)
        time.sleep(0.02)
    time.sleep(5)


class UnrulyFamily(Family):
    name = "unruly"
    architecture_type = UnrulyArchitecture
    presets: ClassVar[Mapping[str, Architecture]] = {}
    axes: ClassVar[Mapping[str, Axis]] = {
        "conduct": Axis(rule=UnrulyArchitecture.rules["conduct"], meaning="what it does while it is trained")
    }

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return {"conduct": 0}

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return {"conduct": IntParameter(name="conduct", low=0, high=len(CONDUCTS) - 1)}

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        return values

    def build(self, architecture: Architecture) -> nn.Module:
        assert isinstance(architecture, UnrulyArchitecture)
        return Unruly(architecture)


family = UnrulyFamily()
