"""Makes a table: ``python -m tests.benchmarks.digits_nas clean --work DIR``.

Trains every architecture of the table's space with three seeds on one core, then measures all latencies. Costs are
seconds of CPU of one thread, so that other work on the machine hardly changes them. Each training is a line of a file
in the work directory: the same command again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from orchestrator import provenance
from orchestrator.config.identity import frozen_settings
from orchestrator.config.loading import load
from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.data.dataset import Dataset
from orchestrator.measure.conditions import Setup
from orchestrator.measure.laboratory import Laboratory
from orchestrator.records import EpochReport
from orchestrator.simulate.table import TableRow, write_table
from orchestrator.training.context import TrialFailure
from orchestrator.training.loop import train
from orchestrator.training.reset import reset_global_state
from search_spaces.architecture import Architecture
from search_spaces.registry import architecture
from tests.benchmarks.digits_nas.data import FOLDER, TABLES, dataset_of, write_sums

NUM_SEEDS = 3
_LATENCY_CHUNK = 20


@dataclass(kw_only=True, slots=True)
class CurveContext:
    """A trial of its own: keeps the accuracies and the CPU seconds of its epochs."""

    seed: int
    directory: Path
    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    accuracy: list[float] = field(default_factory=list)
    cost_s: list[float] = field(default_factory=list)
    began_s: float = field(default_factory=time.thread_time)

    def report(self, report: EpochReport) -> None:
        self.accuracy.append(report.accuracy)
        self.cost_s.append(time.thread_time() - self.began_s)
        self.began_s = time.thread_time()

    def stop_requested(self, step: int) -> bool:
        return False


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("table", choices=TABLES)
    options.add_argument("--work", type=Path, required=True, help="folder of the trainings done so far")
    given = options.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    config = load(FOLDER / f"{given.table}.toml", (), inspect=inspect).config
    networks = list(all_architectures(config))
    lines = given.work / f"{given.table}.jsonl"
    dataset = dataset_of(given.table, config.data)
    train_all(networks, config, dataset, lines)
    write(FOLDER / f"{given.table}.parquet", networks, config, dataset, lines)


def all_architectures(config: SearchConfig) -> Iterator[Architecture]:
    """Every different architecture of the space."""
    seen: set[str] = set()
    for point in config.space.points():
        network = architecture(point, config.task)
        if network.architecture_id not in seen:
            seen.add(network.architecture_id)
            yield network


def train_all(networks: Sequence[Architecture], config: SearchConfig, dataset: Dataset, lines: Path) -> None:
    done = {(line["architecture_id"], line["seed"]) for line in _lines(lines)}
    with lines.open("a") as file:
        for seed in range(NUM_SEEDS):
            for index, network in enumerate(networks):
                if (network.architecture_id, seed) not in done:
                    line = _trained(network, config, dataset, seed)
                    file.write(json.dumps(line) + "\n")
                    file.flush()
                    print(f"seed {seed}, {index + 1} of {len(networks)}: {line['accuracy'][-1]:.4f}", flush=True)


def _trained(network: Architecture, config: SearchConfig, dataset: Dataset, seed: int) -> dict[str, Any]:
    reset_global_state(num_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        context = CurveContext(seed=derive_seed(seed, "table"), directory=Path(folder))
        try:
            train(network, config.recipe, dataset, context)
        except TrialFailure:
            missing = config.recipe.epochs - len(context.accuracy)
            context.accuracy += [math.nan] * missing
    return {
        "architecture_id": network.architecture_id,
        "seed": seed,
        "accuracy": [round(value, 5) for value in context.accuracy],
        "cost_s": [round(value, 4) for value in context.cost_s],
    }


def write(path: Path, networks: Sequence[Architecture], config: SearchConfig, dataset: Dataset, lines: Path) -> None:
    curves: dict[str, list[dict[str, Any]]] = {}
    for line in _lines(lines):
        curves.setdefault(line["architecture_id"], []).append(line)
    latencies, conditions = _latencies(networks, config)
    rows = []
    for network in networks:
        of_seed = sorted(curves[network.architecture_id], key=lambda line: int(line["seed"]))
        rows.append(
            TableRow(
                architecture=network,
                accuracy_SE=np.array([line["accuracy"] for line in of_seed]),
                epoch_cost_s=statistics.median(cost for line in of_seed for cost in line["cost_s"]),
                latency_ms=latencies[network.architecture_id],
            )
        )
    about = {
        "name": config.study.name,
        "recipe": frozen_settings(config)["recipe"],
        "data": dataset.description(),
        "cost": "CPU seconds of an epoch on one thread, validation included; median over epochs and seeds",
        "latency": conditions,
        "machine": provenance.collect(),
    }
    write_table(path, rows, image_size=config.task.image_size, about=about)
    write_sums()
    print(f"{path}: {len(rows)} architectures, {path.stat().st_size / 1024:.0f} KiB")


def _latencies(networks: Sequence[Architecture], config: SearchConfig) -> tuple[dict[str, float], dict[str, Any]]:
    found: dict[str, float] = {}
    conditions: dict[str, Any] = {}
    with Laboratory.start(Setup.of(config.latency, config.task)) as laboratory:
        for start in range(0, len(networks), _LATENCY_CHUNK):
            chunk = networks[start : start + _LATENCY_CHUNK]
            for network, latency in zip(chunk, laboratory.measure(chunk), strict=True):
                found[network.architecture_id] = latency.median_ms
                conditions = asdict(latency.conditions)
    return found, conditions


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
