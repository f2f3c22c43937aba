"""What bfloat16 does to the accuracy: ``python -m tests.benchmarks.precision``.

One small network of each family, trained on turned digits of 32 x 32 pixels in float32 and in the format that this
device would choose, with equal seeds. An option that costs more than 0.3 points is to be off.

Legend: N images.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import torch
from torch.nn import functional

from orchestrator.config.settings import DataSettings, Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.data.split import TensorSplit
from orchestrator.records import EpochReport
from orchestrator.training import evaluate, step
from orchestrator.training.loop import train
from orchestrator.training.precision import Precision, choose_precision
from orchestrator.training.reset import reset_global_state
from search_spaces.architecture import Architecture, Task
from search_spaces.registry import get_family
from tests.benchmarks.digits_nas.data import dataset_of
from tests.benchmarks.machine import median_interval, parser, publish

TASK = Task(in_channels=1, num_classes=10, image_size=32)
NETWORKS = {
    "densenet": {"growth_rate": 12, "block_config": (2, 2, 2), "num_init_features": 16},
    "resnet": {"num_stages": 3, "depth": 1, "base_width": 16},
    "mobilenet": {"width_mult": 0.5, "num_stages": 3, "depth": 1},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SeededContext:
    """A training of its own, on one thread."""

    seed: int
    directory: Path
    device: torch.device
    rank: int = 0
    world_size: int = 1

    def report(self, report: EpochReport) -> None:
        pass

    def stop_requested(self, step: int) -> bool:
        return False


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    num_seeds, epochs = (1, 1) if given.quick else (given.seeds, 8)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe, dataset = Recipe(epochs=epochs, batch_size=32, learning_rate=0.05, average_decay=0.98), enlarged()
    chosen = choose_precision(device, TASK.image_size)
    rows = []
    for family, fields in NETWORKS.items():
        network = get_family(family).architecture(fields, TASK)
        pairs = [
            [accuracy(network, recipe, dataset, precision, seed=seed, device=device) for seed in range(num_seeds)]
            for precision in (Precision.FLOAT32, chosen)
        ]
        differences = [100 * (other - float32) for float32, other in zip(*pairs, strict=True)]
        median, low, high = median_interval(differences)
        rows.append(
            {
                "network": family,
                "format": str(chosen),
                "n": num_seeds,
                "float32 (%)": 100 * statistics.mean(pairs[0]),
                "format (%)": 100 * statistics.mean(pairs[1]),
                "mean difference (points)": statistics.mean(differences),
                "median": median,
                "low": low,
                "high": high,
            }
        )
    publish("validation accuracy by number format", rows, to=given.json)


def enlarged() -> Dataset:
    """The turned digits of ``digits_nas`` at four times their size."""
    dataset = dataset_of("rotated", DataSettings())
    splits = {name: _enlarged(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return replace(dataset, task=TASK, **splits)


def accuracy(
    network: Architecture, recipe: Recipe, dataset: Dataset, precision: Precision, *, seed: int, device: torch.device
) -> float:
    reset_global_state(num_threads=1)
    with tempfile.TemporaryDirectory() as folder, _choosing(precision):
        return train(network, recipe, dataset, SeededContext(seed=seed, directory=Path(folder), device=device)).accuracy


@contextmanager
def _choosing(precision: Precision) -> Iterator[None]:
    with (
        patch.object(step, "choose_precision", lambda *_: precision),
        patch.object(evaluate, "choose_precision", lambda *_: precision),
    ):
        yield


def _enlarged(split: TensorSplit) -> TensorSplit:
    images_NCHW = functional.interpolate(split.images_NCHW.float(), size=TASK.image_size, mode="bilinear")
    return replace(split, images_NCHW=images_NCHW.round().to(torch.uint8))


if __name__ == "__main__":
    main()
