"""What is known of a trial: its state, its cause, its figures. An illegal record can't be made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Constraint,
    Objective,
)
from orchestrator.scores import ClassificationScore
from orchestrator.trainings import Cause, EpochReport, Phases, Retraining, SeedResult

__all__ = [
    "Cause",
    "EpochReport",
    "Latency",
    "LatencyConditions",
    "Phases",
    "Retraining",
    "SeedResult",
    "StudySnapshot",
    "TrialRecord",
    "TrialState",
]


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

    @property
    def images_per_s(self) -> float:
        """Of batches of the size that was measured, one after the other."""
        return 1e3 * self.conditions.batch_size / self.median_ms

    @property
    def images_per_s_interval(self) -> tuple[float, float]:
        """Its 95 % interval: the slower end first."""
        return 1e3 * self.conditions.batch_size / self.high_ms, 1e3 * self.conditions.batch_size / self.low_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """One architecture trained and measured once.

    Attributes:
        number: counted from 0, without gaps.
        architecture: its JSON form.
        num_parameters, macs: exact, known before training.
        predicted_latency_ms: by the study's frozen predictor.
        file_bytes, peak_memory_bytes: of its weights' file, and of inference; None where this was not yet counted.
        predicted_throughput_per_s: by a predictor of its own; None where the study does not ask for throughput.
        accuracy: validation accuracy at the end; None until COMPLETED.
        reports: one per epoch, in order.
        latency: measured in the exclusive slot; finalists only.
        throughput: the same of the batch that throughput is asked for.
        test_accuracy: scored once, in confirm; selects nothing.
        test_score: all that this scoring gave; None where it was done before there was more than the accuracy.
        predicted_accuracy: of a PRUNED trial: what the scheduler predicted it to end with, where it could.
        seeds: further trainings on request; they select nothing, but say how far its accuracy is luck.
        retrained: on request; where it has no cause, its weights are those that are exported.
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
    file_bytes: int | None = None
    peak_memory_bytes: int | None = None
    predicted_throughput_per_s: float | None = None
    throughput: Latency | None = None
    test_accuracy: float | None = None
    test_score: ClassificationScore | None = None
    predicted_accuracy: float | None = None
    seeds: tuple[SeedResult, ...] = field(default=())
    retrained: Retraining | None = None

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
            "can't be measured or tested": not completed
            and (self.latency or self.throughput or self.test_accuracy) is not None,
            "can't have been trained again": not completed and bool(self.seeds or self.retrained),
            "its seeds are out of order": (seeds := [one.seed for one in self.seeds]) != sorted(set(seeds)),
            "has a test score of another accuracy": self.test_score is not None
            and self.test_score.accuracy != self.test_accuracy,
            "has no cause": self.state is TrialState.FAILED and self.cause is None,
            f"can't have the cause {self.cause}": completed and self.cause not in (None, Cause.REUSED),
            "has an accuracy outside [0, 1]": not all(
                value is None or 0.0 <= value <= 1.0 for value in (self.accuracy, self.test_accuracy)
            ),
            "has a negative count": min(self.number, self.num_parameters, self.macs) < 0
            or min(self.file_bytes or 0, self.peak_memory_bytes or 0) < 0,
            "has no predicted latency": not 0.0 <= self.predicted_latency_ms < math.inf,
            "has an impossible throughput": self.predicted_throughput_per_s is not None
            and not 0.0 < self.predicted_throughput_per_s < math.inf,
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
        if name == LATENCY_MS:
            return self.latency_ms
        if name == THROUGHPUT_PER_S and self.throughput is not None:
            return self.throughput.images_per_s
        return self.predicted(name)

    def predicted(self, name: str) -> float:
        """The same as the search sees it: what can be timed as it was predicted, even where it was measured since.

        Measured and predicted figures differ in kind; a study that is extended after its confirmation must not mix
        them.

        Raises:
            ValueError: the trial has no such figure (yet).
        """
        figures = {
            ACCURACY: self.accuracy,
            NUM_PARAMETERS: self.num_parameters,
            MACS: self.macs,
            LATENCY_MS: self.predicted_latency_ms,
            FILE_BYTES: self.file_bytes,
            PEAK_MEMORY_BYTES: self.peak_memory_bytes,
            THROUGHPUT_PER_S: self.predicted_throughput_per_s,
        }
        if name not in figures:
            raise ValueError(f"no trial has a figure {name!r}")
        if (value := figures[name]) is None:
            raise ValueError(f"trial {self.number} is {self.state} and has no {name}")
        return float(value)

    def interval(self, name: str) -> tuple[float, float]:
        """Between which ends ``value`` lies: those of the 95 % interval of what was measured; else the value twice."""
        if name == LATENCY_MS and self.latency is not None:
            return self.latency.low_ms, self.latency.high_ms
        if name == THROUGHPUT_PER_S and self.throughput is not None:
            return self.throughput.images_per_s_interval
        return self.value(name), self.value(name)

    def timed(self, name: str) -> Latency | None:
        """How long a batch was measured to take, of the size that the figure of this name is asked for."""
        return {LATENCY_MS: self.latency, THROUGHPUT_PER_S: self.throughput}[name]

    @property
    def measured_under(self) -> tuple[LatencyConditions, ...] | None:
        """The conditions of all that the study has timed; None until all of it is measured."""
        timed = [self.latency] if self.predicted_throughput_per_s is None else [self.latency, self.throughput]
        found = tuple(one.conditions for one in timed if one is not None)
        return found if len(found) == len(timed) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySnapshot:
    """A study as it is read back: what reports, selections and exports are made from.

    Attributes:
        study_id: unique over machines and directories; names the study in MLflow.
        frozen: the settings that may not change, as JSON values.
        records: by trial number.
        num_refused: asks that were infeasible or known, by reason.
        provenance: versions and hardware.
        num_validation: images that validation accuracies are shares of; None where this was not yet recorded.
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
    num_validation: int | None = None
