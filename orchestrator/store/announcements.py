"""What tracking is told of each change of the store, written in the same transaction.

Times are now where ``at_ms`` says nothing: it is given where something is told again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.records import EpochReport, TrialRecord
from orchestrator.scores import ClassificationScore
from orchestrator.selector.certainty import further_figures
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

Announcement = tuple[str, Mapping[str, Any]]
"""Kind and payload of one row of the outbox."""

_NOT_PARAMETERS = {"schema_version", "family"}


def study_started(
    *, name: str, frozen: Mapping[str, Any], provenance: Mapping[str, str], at_ms: int | None = None
) -> Announcement:
    params = {table: values for table, values in frozen.items() if isinstance(values, Mapping)}
    return _row(StudyStarted(timestamp_ms=_or_now(at_ms), name=name, params=params, tags=dict(provenance)))


def trial_started(record: TrialRecord, *, at_ms: int | None = None) -> Announcement:
    params = {name: value for name, value in record.architecture.items() if name not in _NOT_PARAMETERS}
    metrics = {
        "num_parameters": float(record.num_parameters),
        "macs": float(record.macs),
        "predicted_latency_ms": record.predicted_latency_ms,
        "file_bytes": record.file_bytes,
        "peak_memory_bytes": record.peak_memory_bytes,
        "predicted_throughput_per_s": record.predicted_throughput_per_s,
    }
    return _row(
        TrialStarted(
            timestamp_ms=_or_now(at_ms),
            number=record.number,
            family=record.family,
            architecture_id=record.architecture_id,
            params=params,
            metrics={name: float(value) for name, value in metrics.items() if value is not None},
        )
    )


def epoch_reported(number: int, report: EpochReport, *, at_ms: int | None = None) -> Announcement:
    figures = report.to_dict()
    phases = figures.pop("phases") or {}
    speed = {"images_per_s": report.phases.images_per_s if report.phases else None}
    left_out = ("epoch", "num_images")
    metrics = {
        name: value for name, value in (figures | phases | speed).items() if value is not None and name not in left_out
    }
    return _row(EpochReported(timestamp_ms=_or_now(at_ms), number=number, epoch=report.epoch, metrics=metrics))


def trial_ended(record: TrialRecord, *, at_ms: int | None = None) -> Announcement:
    metrics = {
        "accuracy": record.accuracy,
        "loss": record.loss,
        "latency_ms": record.latency.median_ms if record.latency else None,
        "throughput_per_s": record.throughput.images_per_s if record.throughput else None,
        "test_accuracy": record.test_accuracy,
        "wall_time_s": record.wall_time_s,
        **(_test_figures(record.test_score) if record.test_score else {}),
        **further_figures(record),
    }
    return _row(
        TrialEnded(
            timestamp_ms=_or_now(at_ms),
            number=record.number,
            state=record.state,
            cause=record.cause,
            metrics={name: value for name, value in metrics.items() if value is not None},
        )
    )


def front_changed(members: Iterable[TrialRecord], markdown: str) -> Announcement:
    numbers = tuple(record.number for record in members)
    return _row(FrontChanged(timestamp_ms=_now_ms(), numbers=numbers, markdown=markdown))


def artifact_written(path: str) -> Announcement:
    return _row(ArtifactWritten(timestamp_ms=_now_ms(), path=path))


def study_ended(end: StudyEnd) -> Announcement:
    return _row(StudyEnded(timestamp_ms=_now_ms(), state=end))


def _test_figures(score: ClassificationScore) -> dict[str, float | None]:
    return {
        "test_loss": score.loss,
        "test_top5": score.top5_accuracy,
        "test_precision_macro": score.precision_macro,
        "test_recall_macro": score.recall_macro,
    }


def _row(event: Event) -> Announcement:
    return event.kind, event.to_payload()


def _or_now(at_ms: int | None) -> int:
    return _now_ms() if at_ms is None else at_ms


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
