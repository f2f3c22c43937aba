"""A study without training: the real store, sampler, proposals, rule and referee over a made-up objective."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.identity import config_hash, frozen_settings
from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import EpochReport, TrialState
from orchestrator.schedule.referee import Referee
from orchestrator.schedule.rungs import rung_judge
from orchestrator.store.messages import Message, MessageKind, WorkerResult
from orchestrator.store.opening import create, take
from orchestrator.store.rows import Attempt
from orchestrator.store.store import StudyStore
from orchestrator.suggest.costing import Prediction
from orchestrator.suggest.wiring import proposals_of
from search_spaces.architecture import Architecture
from search_spaces.cost_columns import CostColumns
from search_spaces.space import Point

STUDY = """
[study]
name = "simulated"
[space.densenet]
growth_rate = { low = 4, high = 16, step = 4 }
num_blocks = { low = 2, high = 3 }
num_layers = { low = 1, high = 3 }
[space.resnet]
[space.mobilenet]
[recipe]
epochs = 8
[budget]
trials = 30
"""


def config_of(folder: Path, text: str = STUDY, *overrides: str) -> SearchConfig:
    path = folder / "simulated.toml"
    path.write_text(text)
    return load(path, overrides, inspect=inspect).config


def open_store(root: Path, config: SearchConfig) -> StudyStore:
    if not (root / "study.db").exists():
        frozen = frozen_settings(config)
        create(root, name=config.study.name, frozen=frozen, frozen_hash=config_hash(frozen))
    return take(root)


def predict_latency_ms(architecture: Architecture) -> float:
    layers = architecture.layers(8)
    return 0.05 + sum(layer.macs for layer in layers) * 1e-7 + 0.01 * len(layers)


def predict_latencies(points: Sequence[Point], columns: CostColumns) -> NDArray[np.float64]:
    """The same of many points."""
    return np.asarray(0.05 + columns.macs_N * 1e-7 + 0.01 * columns.num_layers_N)


PREDICTIONS = {LATENCY_MS: Prediction(of_one=predict_latency_ms, of_many=predict_latencies)}


def accuracy_at(store: StudyStore, trial: int, epoch: int, *, epochs: int = 8) -> float:
    """Larger networks are better, each with a residual of its own, approached exponentially."""
    record = store.records[trial]
    residual = random.Random(record.architecture_id).gauss(0.0, 0.01)
    final = min(0.999, 0.80 + 0.035 * math.log10(record.num_parameters) + residual)
    return final - (final - 0.1) * math.exp(-5.0 * epoch / epochs)


class Simulation:
    """One driver process in small: trials advance by an epoch whenever they are told to."""

    def __init__(
        self,
        root: Path,
        config: SearchConfig,
        *,
        store: StudyStore | None = None,
        predictions: Mapping[str, Prediction] = PREDICTIONS,
    ) -> None:
        self.config = config
        self.store = store or open_store(root, config)
        self.proposals = proposals_of(self.store, config, predictions=predictions)
        self.referee = Referee(self.store, decide=rung_judge(self.store, config), max_attempts=3, on_end=lambda: None)

    def run(self, *, num_slots: int = 2, until: Callable[[], bool] = lambda: False) -> None:
        """Runs trials round-robin on some slots until nothing is left or ``until`` says so, between two messages."""
        slots: list[Attempt | None] = [None] * num_slots
        is_idle = False
        while not is_idle and not until():
            is_idle = True
            for index, held in enumerate(slots):
                attempt = held or self.proposals.next()
                if attempt is not None:
                    is_idle = False
                    slots[index] = attempt if self.advance(attempt) else None

    def advance(self, attempt: Attempt) -> bool:
        """One epoch; returns whether the trial goes on."""
        reports = self.store.records[attempt.trial].reports
        epoch = len(reports) + 1
        report = EpochReport(
            epoch=epoch,
            accuracy=accuracy_at(self.store, attempt.trial, epoch),
            loss=1.0,
            train_loss=1.0,
            wall_time_s=float(epoch),
        )
        if not self.receive(attempt, MessageKind.REPORT, report=report):
            return False
        if epoch < self.config.recipe.epochs:
            return True
        return self.receive(attempt, MessageKind.END, result=self.completed(report))

    def receive(
        self,
        attempt: Attempt,
        kind: MessageKind,
        *,
        report: EpochReport | None = None,
        result: WorkerResult | None = None,
        detail: str = "",
    ) -> bool:
        return self.referee.receive(
            Message(trial=attempt.trial, token=attempt.token, kind=kind, report=report, result=result, detail=detail)
        )

    @staticmethod
    def completed(report: EpochReport) -> WorkerResult:
        return WorkerResult(
            state=TrialState.COMPLETED, accuracy=report.accuracy, loss=report.loss, wall_time_s=report.wall_time_s
        )
