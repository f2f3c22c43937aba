"""A whole study as announcements for tracking, told again from what is stored of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.records import EpochReport, StudySnapshot, TrialRecord, TrialState
from orchestrator.report import to_markdown
from orchestrator.selector import front
from orchestrator.store.announcements import (
    Announcement,
    artifact_written,
    epoch_reported,
    front_changed,
    study_ended,
    study_started,
    trial_ended,
    trial_started,
)
from orchestrator.store.events import StudyEnd
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import StudyLog
from orchestrator.study.outcome import PUBLISHED


def retold(log: StudyLog, snapshot: StudySnapshot, paths: StudyPaths) -> Iterator[Announcement]:
    """All that the sessions of a study have announced, with the times that they did it at."""
    times = _Times(log, snapshot)
    yield study_started(
        name=snapshot.name, frozen=snapshot.frozen, provenance=snapshot.provenance, at_ms=times.created_ms
    )
    for record in snapshot.records:
        yield trial_started(record, at_ms=times.started_ms(record))
        for report in record.reports:
            yield epoch_reported(record.number, report, at_ms=times.reported_ms(record, report))
        if record.state.is_end:
            yield trial_ended(record, at_ms=times.ended_ms(record))
    members = front(snapshot.records, snapshot.objectives, snapshot.constraints)
    if members:
        yield front_changed(members, to_markdown(snapshot))
    yield from (artifact_written(name) for name in PUBLISHED if (paths.root / name).exists())
    yield study_ended(_end(snapshot, paths))


def _end(snapshot: StudySnapshot, paths: StudyPaths) -> StudyEnd:
    """A session that came to its end has left nothing running, and published."""
    is_running = any(record.state is TrialState.RUNNING for record in snapshot.records)
    return StudyEnd.INTERRUPTED if is_running or not paths.front.exists() else StudyEnd.COMPLETED


class _Times:
    """When things happened, by the log; where it was lost, as if every trial had begun with the study."""

    def __init__(self, log: StudyLog, snapshot: StudySnapshot) -> None:
        self.created_ms = _ms(snapshot.created_at)
        self._started: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._reported: dict[tuple[int, int], int] = {}
        for event in log.events:
            match event.kind, event.trial:
                case "trial_started" | "trial_reused", int(trial):
                    self._started[trial] = _ms(event.at)
                case "epoch_reported", int(trial):
                    self._reported[trial, event.detail["epoch"]] = _ms(event.at)
                case "trial_ended", int(trial):
                    self._ended[trial] = _ms(event.at)
                case _:
                    pass

    def started_ms(self, record: TrialRecord) -> int:
        return self._started.get(record.number, self.created_ms)

    def reported_ms(self, record: TrialRecord, report: EpochReport) -> int:
        supposed = self.started_ms(record) + round(report.wall_time_s * 1000)
        return self._reported.get((record.number, report.epoch), supposed)

    def ended_ms(self, record: TrialRecord) -> int:
        return self._ended.get(record.number, self.started_ms(record) + round(record.wall_time_s * 1000))


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
