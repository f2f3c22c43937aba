"""A small data set, small networks and a context that stops, dies or fails when a test wants it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from orchestrator.config.settings import DataSettings, Recipe
from orchestrator.data.catalog import DIGITS_CLASS_NAMES
from orchestrator.data.dataset import Dataset, load
from orchestrator.data.split import TensorSplit
from orchestrator.records import EpochReport
from orchestrator.training.context import StopTrial
from search_spaces.architecture import Architecture, Task
from search_spaces.parameters import Value
from search_spaces.registry import get_family

TASK = Task(in_channels=1, num_classes=10, image_size=8)
CPU = torch.device("cpu")
FIELDS: dict[str, dict[str, Value]] = {
    "densenet": {"growth_rate": 4, "block_config": (1, 1), "num_init_features": 4, "bn_size": 2, "drop_rate": 0.1},
    "resnet": {"num_stages": 2, "depth_1": 1, "depth_2": 1, "width_1": 4, "width_2": 8},
    "mobilenet": {"width_mult": 0.5, "num_stages": 2, "depth_1": 1, "depth_2": 1, "expand_ratio": 2.0},
}
RECIPE = Recipe(epochs=3, batch_size=30, max_shift=1, flip=True, label_smoothing=0.1)
"""Four steps an epoch, with all that is random switched on."""


class WorkerDiedError(Exception):
    """In place of a kill."""


@dataclass(kw_only=True)
class TestContext:
    """One rank's view.

    Attributes:
        stop_at: the step at which it is asked to end.
        dies_in_report: the epoch whose report never arrives.
        prunes_at: the epoch after which the driver stops it.
        before_step: called with the step before each step.
    """

    __test__ = False

    directory: Path
    rank: int = 0
    world_size: int = 1
    seed: int = 7
    device: torch.device = CPU
    stop_at: int = -1
    dies_in_report: int = -1
    prunes_at: int = -1
    before_step: Callable[[int], None] = lambda _step: None
    after_report: Callable[[], None] = lambda: None
    reports: list[EpochReport] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def report(self, report: EpochReport) -> None:
        if report.epoch == self.dies_in_report:
            raise WorkerDiedError
        self.reports.append(report)
        self.after_report()
        if report.epoch == self.prunes_at:
            raise StopTrial(by_driver=True)

    def stop_requested(self, step: int) -> bool:
        self.before_step(step)
        self.steps.append(step)
        return step == self.stop_at


def small_architecture(family: str = "densenet") -> Architecture:
    return get_family(family).architecture(FIELDS[family], TASK)


def small_dataset(num_train: int = 122) -> Dataset:
    """Some of the digits."""
    digits = load(DataSettings(), seed=0)
    return Dataset(
        task=TASK,
        class_names=DIGITS_CLASS_NAMES,
        train=_first(digits.train, num_train),
        validation=_first(digits.validation, 41),
        test=_first(digits.test, 40),
        mean=digits.mean,
        std=digits.std,
        fingerprint="",
    )


def _first(split: TensorSplit, num_images: int) -> TensorSplit:
    return TensorSplit(images_NCHW=split.images_NCHW[:num_images], labels_N=split.labels_N[:num_images])
