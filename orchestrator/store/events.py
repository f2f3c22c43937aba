"""What tracking is told: one class per kind of event, made when it happens and kept as JSON until it is sent.

Sending an event twice is harmless, so each says how things are and not how they changed. Time is in milliseconds
since 1970, as MLflow counts it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, ClassVar, Self

from orchestrator.records import Cause, TrialState


class StudyEnd(StrEnum):
    """How a session of a study ended; an interrupted one goes on later."""

    COMPLETED = "COMPLETED"
    INTERRUPTED = "INTERRUPTED"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""

    kind: ClassVar[str]

    timestamp_ms: int

    def to_payload(self) -> dict[str, Any]:
        """JSON values only; ``event_from`` gives an equal event back."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(**payload)


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyStarted(Event):
    """A session began; ``description`` is Markdown."""

    kind: ClassVar[str] = "study_started"

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted(Event):
    """An attempt of a trial began.

    Attributes:
        params: fields of its architecture; tables inside are flattened (``stem.kernel_size``).
        metrics: known before training: ``num_parameters``, ``macs``, ``predicted_latency_ms``.
    """

    kind: ClassVar[str] = "trial_started"

    number: int
    family: str
    architecture_id: str
    params: Mapping[str, Any]
    tags: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochReported(Event):
    """An epoch ended; ``metrics`` are named as in ``EpochReport`` and ``Phases``."""

    kind: ClassVar[str] = "epoch_reported"

    number: int
    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded(Event):
    """A trial ended, or was measured after its end: then again, with more metrics."""

    kind: ClassVar[str] = "trial_ended"

    number: int
    state: TrialState
    cause: Cause | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        cause = payload.get("cause")
        return cls(**{**payload, "state": TrialState(payload["state"]), "cause": Cause(cause) if cause else None})


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontChanged(Event):
    """The Pareto front is now made of these trials; ``markdown`` is a table of them."""

    kind: ClassVar[str] = "front_changed"

    numbers: tuple[int, ...]
    markdown: str

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(**{**payload, "numbers": tuple(payload["numbers"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactWritten(Event):
    """A file of the study is there, or has changed.

    Attributes:
        path: relative to the study's directory.
        artifact_path: the folder among the study's artifacts; empty for the top.
    """

    kind: ClassVar[str] = "artifact_written"

    path: str
    artifact_path: str = ""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"artifact {self.path!r} lies outside the study's directory")


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyEnded(Event):
    """A session ended."""

    kind: ClassVar[str] = "study_ended"

    state: StudyEnd

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(**{**payload, "state": StudyEnd(payload["state"])})


EVENTS: Mapping[str, type[Event]] = {
    event.kind: event
    for event in (StudyStarted, TrialStarted, EpochReported, TrialEnded, FrontChanged, ArtifactWritten, StudyEnded)
}


def event_from(kind: str, payload: Mapping[str, Any]) -> Event:
    """Reads an outbox entry.

    Raises:
        ValueError: the kind or a field is unknown, as in an outbox of a newer version.
    """
    if kind not in EVENTS:
        raise ValueError(f"unknown event {kind!r}")
    try:
        return EVENTS[kind].from_payload(payload)
    except (TypeError, KeyError) as error:
        raise ValueError(f"event {kind!r} can't be read: {error}") from error
