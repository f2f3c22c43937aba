"""How the training of a network goes and ends: epoch by epoch, from further seeds, on more images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from orchestrator.scores import ClassificationScore


class Cause(StrEnum):
    """Why a training ended as it did, where the state of its trial alone does not say it."""

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

    def to_dict(self) -> dict[str, Any]:
        """JSON values only. It is called several times an epoch; ``dataclasses.asdict`` takes ten times as long."""
        phases = {name: getattr(self.phases, name) for name in Phases.__slots__} if self.phases else None
        return {**{name: getattr(self, name) for name in EpochReport.__slots__}, "phases": phases}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave, also before an optional field was there."""
        phases = fields.get("phases")
        return cls(**{**fields, "phases": Phases(**phases) if phases else None})

    @property
    def is_finite(self) -> bool:
        return all(math.isfinite(value) for value in (self.accuracy, self.loss, self.train_loss))


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedResult:
    """The network of a trial trained once more from other first weights, in another order.

    Attributes:
        seed: counted from 1; the search's own is not among them.
        accuracy, loss: on the validation split; None where this training ended by ``cause``.
        test_accuracy: None until it is scored.
    """

    seed: int
    accuracy: float | None = None
    loss: float | None = None
    test_accuracy: float | None = None
    wall_time_s: float = 0.0
    cause: Cause | None = None
    message: str = ""

    def __post_init__(self) -> None:
        if self.seed < 1 or (self.accuracy is None) != (self.cause is not None):
            raise ValueError(f"seed {self.seed} has the accuracy {self.accuracy} and the cause {self.cause}")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave."""
        return cls(**{**fields, "cause": Cause(fields["cause"]) if fields["cause"] else None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Retraining:
    """The network of a trial trained anew on the training and the validation split together.

    Attributes:
        test_score: None until it is scored, or where this training ended by ``cause``.
    """

    test_score: ClassificationScore | None = None
    wall_time_s: float = 0.0
    cause: Cause | None = None
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        fields = {name: getattr(self, name) for name in ("wall_time_s", "cause", "message")}
        return {**fields, "test_score": self.test_score.to_dict() if self.test_score else None}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave."""
        score, cause = fields["test_score"], fields["cause"]
        test_score = ClassificationScore.from_dict(score) if score else None
        return cls(**{**fields, "test_score": test_score, "cause": Cause(cause) if cause else None})
