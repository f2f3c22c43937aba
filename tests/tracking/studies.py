"""An outbox in memory, and the events of a small study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from threading import Lock

from orchestrator.records import Cause, TrialState
from orchestrator.store.events import (
    ArtifactWritten,
    EpochReported,
    Event,
    FrontChanged,
    StudyEnd,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialStarted,
)
from orchestrator.store.outbox import OutboxEntry

START_MS = 1_750_000_000_000
EPOCHS = 3


class ListOutbox:
    """An outbox that lives as long as its process."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self._lock = Lock()
        self._entries: list[OutboxEntry] = []
        self._num_entries = 0
        self.acknowledged: list[int] = []
        self.add(events)

    def add(self, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                self._num_entries += 1
                payload = json.loads(json.dumps(event.to_payload()))
                self._entries.append(OutboxEntry(self._num_entries, event.kind, payload))

    @property
    def num_unacknowledged(self) -> int:
        return len(self._entries)

    def pending(self, limit: int) -> list[OutboxEntry]:
        with self._lock:
            return self._entries[:limit]

    def acknowledge(self, seqs: Sequence[int]) -> None:
        with self._lock:
            self._entries = [entry for entry in self._entries if entry.seq not in set(seqs)]
            self.acknowledged.extend(seqs)


class DyingOutbox(ListOutbox):
    """Its owner dies between sending and acknowledging, as often as ``deaths`` says."""

    def __init__(self, events: Sequence[Event], *, deaths: int) -> None:
        super().__init__(events)
        self.deaths = deaths

    def acknowledge(self, seqs: Sequence[int]) -> None:
        if self.deaths:
            self.deaths -= 1
            raise ConnectionError("died before the acknowledgement")
        super().acknowledge(seqs)


def study_started(**changes: object) -> StudyStarted:
    values = {"name": "digits", "params": {"seed": 7, "budget": {"trials": 3}}, "description": "A *small* study."}
    return StudyStarted(timestamp_ms=START_MS, **{**values, **changes})  # type: ignore[arg-type]


def trial_started(number: int, *, at_s: float = 1.0) -> TrialStarted:
    return TrialStarted(
        timestamp_ms=START_MS + int(at_s * 1000),
        number=number,
        family="densenet",
        architecture_id=f"{number:012x}",
        params={"growth_rate": 12 + number, "block_config": [6, 12], "memory_efficient": False},
        metrics={"num_parameters": 21386 + number, "macs": 1e6, "predicted_latency_ms": 1.234567},
    )


def epochs(number: int, *, count: int = EPOCHS) -> list[EpochReported]:
    return [
        EpochReported(
            timestamp_ms=START_MS + 2000 + 1000 * epoch,
            number=number,
            epoch=epoch,
            metrics={
                "accuracy": 0.9 + epoch / 100,
                "loss": 1 / epoch,
                "train_loss": 2 / epoch,
                "wall_time_s": 1.5 * epoch,
            },
        )
        for epoch in range(1, count + 1)
    ]


def trial_ended(number: int, state: TrialState = TrialState.COMPLETED, **metrics: float) -> TrialEnded:
    if state is TrialState.COMPLETED:
        metrics = {"accuracy": 0.93, "loss": 0.3333333, **metrics}
    cause = Cause.DIVERGED if state is TrialState.FAILED else None
    return TrialEnded(timestamp_ms=START_MS + 9000, number=number, state=state, cause=cause, metrics=metrics)


def front(*numbers: int) -> FrontChanged:
    rows = "\n".join(f"| {number} |" for number in numbers)
    return FrontChanged(timestamp_ms=START_MS + 9500, numbers=numbers, markdown=f"| trial |\n|---|\n{rows}")


def artifact(path: str, artifact_path: str = "") -> ArtifactWritten:
    return ArtifactWritten(timestamp_ms=START_MS + 9600, path=path, artifact_path=artifact_path)


def study_ended(state: StudyEnd = StudyEnd.COMPLETED) -> StudyEnded:
    return StudyEnded(timestamp_ms=START_MS + 10_000, state=state)


def whole_trial(number: int, state: TrialState = TrialState.COMPLETED) -> list[Event]:
    return [trial_started(number), *epochs(number), trial_ended(number, state)]


def whole_study() -> list[Event]:
    """Three trials: one on the front, one PRUNED, one FAILED."""
    return [
        study_started(),
        *whole_trial(0),
        front(0),
        *whole_trial(1, TrialState.PRUNED),
        *whole_trial(2, TrialState.FAILED),
        study_ended(),
    ]
