"""The studies that are killed."""

from __future__ import annotations

from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect

TOY = """
[study]
name = "toy"
sampler = "tpe"
[space.densenet]
growth_rate = { low = 4, high = 16, step = 4 }
num_blocks = { low = 2, high = 3 }
num_layers = { low = 1, high = 3 }
[space.resnet]
[objectives]
minimize = ["num_parameters"]
[constraints]
num_parameters = "<= 40k"
[recipe]
epochs = 4
decay_share = 0.25
[budget]
trials = 10
"""

REPRODUCIBLE = ("study.reproducible=true", "resources.max_concurrent_trials=3")


def toy_config(*settings: str) -> SearchConfig:
    return load("toy", settings, inspect=inspect, shipped={"toy": TOY}).config
