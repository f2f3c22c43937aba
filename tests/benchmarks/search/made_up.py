"""Tables for tests: a small space, curves without training."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.simulate.table import ArchitectureTable, TableRow
from search_spaces.architecture import Architecture
from search_spaces.registry import architecture

NUM_SEEDS = 3

_STUDY = """
[study]
name = "made-up"
[data]
name = "digits"
[space.densenet]
growth_rate = [4, 8, 16]
block_config = [[1, 1], [2, 2], [3, 1, 2]]
[space.resnet]
depths = [[1, 1], [2, 2], [1, 3]]
base_width = [8, 16, 24]
[recipe]
epochs = 8
"""


def made_up_config(folder: Path) -> SearchConfig:
    path = folder / "made-up.toml"
    path.write_text(_STUDY)
    return load(path, (), inspect=inspect).config


def made_up_table(config: SearchConfig, *, seed: int) -> ArchitectureTable:
    """All of the config's space."""
    networks = [architecture(point, config.task) for point in config.space.points()]
    return table_of(networks, seed=seed, num_epochs=config.recipe.epochs)


def table_of(networks: Iterable[Architecture], *, seed: int, num_epochs: int) -> ArchitectureTable:
    """Larger networks are better, each with a residual and seeds of its own; costs and latencies scatter, too."""
    rng = random.Random(seed)
    rows = [_row(network, rng, num_epochs) for network in networks]
    return ArchitectureTable(rows={row.architecture.architecture_id: row for row in rows})


def _row(network: Architecture, rng: random.Random, num_epochs: int) -> TableRow:
    final = 0.5 + 0.08 * math.log10(network.num_parameters) + rng.gauss(0, 0.04)
    curves = [
        [min(1.0, max(0.0, final - 0.3 / epoch + rng.gauss(0, 0.01))) for epoch in range(1, num_epochs + 1)]
        for _ in range(NUM_SEEDS)
    ]
    return TableRow(
        architecture=network,
        accuracy_SE=np.array(curves),
        epoch_cost_s=rng.uniform(0.5, 3.0),
        latency_ms=0.01 * network.num_parameters**0.4 * rng.uniform(0.7, 1.5),
    )
