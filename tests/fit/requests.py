"""A tiny network and requests to train it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator import studies
from orchestrator.data.catalog import inspect
from orchestrator.fit.config import FitConfig, Request, read_config
from search_spaces.registry import get_architecture

TINY = get_architecture("resnet20_cifar", depths=[1, 1], widths=[4, 8], shortcut="projection", in_channels=1)
SHIPPED = {name: studies.read(name) for name in studies.names()}


def write_tiny(folder: Path) -> Path:
    path = folder / "tiny.json"
    path.write_text(json.dumps(TINY.to_dict()))
    return path


def config_of(network: str | Path, data: str = "digits", **fields: Any) -> FitConfig:
    return read_config(Request(network=str(network), data=data, **fields), inspect=inspect, shipped=SHIPPED)
