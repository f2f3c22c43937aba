"""What is known of a trial: its state, its cause, its figures. An illegal record can't be made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS, Constraint, Objective
from orchestrator.scores import ClassificationScore


class TrialState(StrEnum):
    """The life of a trial.

    PENDING ──> RUNNING ──> COMPLETED    trained to its full budget; may stand on the front
       │           ├──────> PRUNED       stopped by the scheduler
       │           ├──────> FAILED       ended by its cause
       │           └──────> INFEASIBLE   found to break a limit (no memory for it)
       └──────────────────> COMPLETED    taken from a stored result
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PRUNED = "PRUNED"
    INFEASIBLE = "INFEASIBLE"
    FAILED = "FAILED"

    @property
    def is_end(self) -> bool:
        return self not in (TrialState.PENDING, TrialState.RUNNING)


class Cause(StrEnum):
    """Why a trial is in its state, where the state alone does not say it."""

    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    WORKER_DIED = "worker_died"
    ERROR = "error"
    REUSED = "reused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Phases:
    """Seconds that the first worker spent, on so many training images of all workers; nothing is decided by them.

    Attributes:
        data_s: until the images of each step were there.
        step_s: forward, backward, exchange of gradients, update.
        validation_s: with batch norm's statistics.
        checkpoint_s: until they were on the disk.
    """

    num_images: int = 0
    data_s: float = 0.0
    step_s: float = 0.0
    validation_s: float = 0.0
    checkpoint_s: float = 0.0

    def __add__(self, other: Phases) -> Phases:
        return Phases(**{name: getattr(self, name) + getattr(other, name) for name in Phases.__slots__})

    @property
    def total_s(self) -> float:
        return self.data_s + self.step_s + self.validation_s + self.checkpoint_s

    @property
    def images_per_s(self) -> float | None:
        """Training images in a second of data and step; None where these took no time."""
        training_s = self.data_s + self.step_s
        return self.num_images / training_s if training_s > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochReport:
    """What one epoch gave.

    Attributes:
        epoch: counted from 1.
        accuracy: top-1 on the validation split, in [0, 1], of the averaged weights.
        loss: cross entropy on the validation split.
        train_loss: mean over the epoch's steps.
        wall_time_s: seconds since the trial's first step, over all attempts.
        top5_accuracy: None below 6 classes.
        phases: of the attempt that finished the epoch.
    """

    epoch: int
    accuracy: float
    loss: float
    train_loss: float
    wall_time_s: float
    top5_accuracy: float | None = None
    phases: Phases | None = None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, also before an optional field was there."""
        phases = fields.get("phases")
        return cls(**{**fields, "phases": Phases(**phases) if phases else None})

    @property
    def is_finite(self) -> bool:
        return all(math.isfinite(value) for value in (self.accuracy, self.loss, self.train_loss))


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyConditions:
    """Under which a latency holds; figures under different conditions are never compared.

    Attributes:
        device: what the study calls it, and what it is: ``cpu: Intel(R) Xeon(R) Processor``.
        num_cores: that the measuring process might run on; 0 where this was not yet recorded.
        torch_version, onnxruntime_version: empty where that one is not there, or does not run the network.
    """

    device: str
    num_threads: int
    batch_size: int
    input_shape: tuple[int, int, int]
    dtype: str
    runtime: str
    torch_version: str
    num_cores: int = 0
    onnxruntime_version: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """A measured latency: median over undisturbed repetitions with its bootstrap 95 % interval.

    ``is_contended`` says that the interval stayed wide: something else was running.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    num_repetitions: int
    is_contended: bool
    conditions: LatencyConditions

    def __post_init__(self) -> None:
        if not 0.0 < self.low_ms <= self.median_ms <= self.high_ms < math.inf:
            raise ValueError(f"latency {self.low_ms} <= {self.median_ms} <= {self.high_ms} ms is no interval")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """One architecture trained and measured once.

    Attributes:
        number: counted from 0, without gaps.
        architecture: its JSON form.
        num_parameters, macs: exact, known before training.
        predicted_latency_ms: by the study's frozen predictor.
        accuracy: validation accuracy at the end; None until COMPLETED.
        reports: one per epoch, in order.
        latency: measured in the exclusive slot; finalists only.
        test_accuracy: scored once, in confirm; selects nothing.
        test_score: all that this scoring gave; None where it was done before there was more than the accuracy.
        predicted_accuracy: of a PRUNED trial: what the scheduler predicted it to end with, where it could.
    """

    number: int
    state: TrialState
    family: str
    architecture: Mapping[str, Any]
    architecture_id: str
    num_parameters: int
    macs: int
    predicted_latency_ms: float
    cause: Cause | None = None
    message: str = ""
    num_attempts: int = 0
    wall_time_s: float = 0.0
    accuracy: float | None = None
    loss: float | None = None
    reports: tuple[EpochReport, ...] = field(default=())
    latency: Latency | None = None
    test_accuracy: float | None = None
    test_score: ClassificationScore | None = None
    predicted_accuracy: float | None = None

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"trial {self.number} is {self.state} and {problem}")

    def _problem(self) -> str:
        """What makes the record impossible; empty where nothing does."""
        completed = self.state is TrialState.COMPLETED
        epochs = [report.epoch for report in self.reports]
        checks = {
            "has no accuracy": completed and self.accuracy is None,
            "can't have a final accuracy": not completed and self.accuracy is not None,
            "can't be measured or tested": not completed and (self.latency or self.test_accuracy) is not None,
            "has a test score of another accuracy": self.test_score is not None
            and self.test_score.accuracy != self.test_accuracy,
            "has no cause": self.state is TrialState.FAILED and self.cause is None,
            f"can't have the cause {self.cause}": completed and self.cause not in (None, Cause.REUSED),
            "has an accuracy outside [0, 1]": not all(
                value is None or 0.0 <= value <= 1.0 for value in (self.accuracy, self.test_accuracy)
            ),
            "has a negative count": min(self.number, self.num_parameters, self.macs) < 0,
            "has no predicted latency": not 0.0 <= self.predicted_latency_ms < math.inf,
            "its epochs are out of order": epochs != sorted(set(epochs)) or min(epochs, default=1) < 1,
        }
        return next((text for text, is_so in checks.items() if is_so), "")

    @property
    def latency_ms(self) -> float:
        """Measured where it was measured, predicted elsewhere."""
        return self.latency.median_ms if self.latency is not None else self.predicted_latency_ms

    def value(self, name: str) -> float:
        """The figure called ``name``, as objectives and constraints name it.

        Raises:
            ValueError: the trial has no such figure (yet).
        """
        if name == ACCURACY:
            if self.accuracy is None:
                raise ValueError(f"trial {self.number} is {self.state} and has no accuracy")
            return self.accuracy
        figures = {NUM_PARAMETERS: float(self.num_parameters), MACS: float(self.macs), LATENCY_MS: self.latency_ms}
        if name not in figures:
            raise ValueError(f"no trial has a figure {name!r}")
        return figures[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySnapshot:
    """A study as it is read back: what reports, selections and exports are made from.

    Attributes:
        study_id: unique over machines and directories; names the study in MLflow.
        frozen: the settings that may not change, as JSON values.
        records: by trial number.
        num_refused: asks that were infeasible or known, by reason.
        provenance: versions and hardware.
    """

    name: str
    study_id: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    frozen: Mapping[str, Any]
    records: tuple[TrialRecord, ...]
    num_refused: Mapping[str, int]
    created_at: str
    wall_time_s: float
    provenance: Mapping[str, Any]
