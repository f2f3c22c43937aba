"""What a batch of events changes, run by run, so that each run is written once however many events speak of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.records import TrialState
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
from orchestrator.tracking.presentation import (
    COMMIT_TAG,
    EPOCH_METRICS,
    MAX_RUN_NAME,
    RUN_NAME_TAG,
    finite_metrics,
    params,
    run_name,
    tags,
)

RUNNING = "RUNNING"

_TRIAL_STATUS = {TrialState.COMPLETED: "FINISHED", TrialState.FAILED: "FAILED"}
_STUDY_STATUS = {StudyEnd.COMPLETED: "FINISHED", StudyEnd.FAILED: "FAILED", StudyEnd.INTERRUPTED: "KILLED"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One value of a metric; ``step`` is the epoch, 0 for a figure of the whole trial."""

    name: str
    value: float
    timestamp_ms: int
    step: int = 0


@dataclass(kw_only=True, slots=True)
class RunChange:
    """What is new of one run.

    Attributes:
        figures: of the whole trial, by name: the newest value alone.
        curves: one point for each epoch and metric.
        status: MLflow's word; None where it stays.
    """

    started_ms: int | None = None
    ended_ms: int | None = None
    status: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Point] = field(default_factory=dict)
    curves: list[Point] = field(default_factory=list)

    def add_figures(self, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        for name, value in finite_metrics(metrics):
            self.figures[name] = Point(name=name, value=value, timestamp_ms=timestamp_ms)


@dataclass(kw_only=True, slots=True)
class Changes:
    """What is new of a study; ``trials`` by number, ``artifacts`` by path.

    Attributes:
        is_published: it has come to its end, and its front is final.
    """

    study: RunChange = field(default_factory=RunChange)
    trials: dict[int, RunChange] = field(default_factory=dict)
    description: str | None = None
    front: FrontChanged | None = None
    artifacts: dict[str, ArtifactWritten] = field(default_factory=dict)
    is_published: bool = False

    def trial(self, number: int) -> RunChange:
        return self.trials.setdefault(number, RunChange())


def collect(events: Iterable[Event]) -> Changes:
    """Adds events up in their order; the last word on anything stands."""
    changes = Changes()
    for event in events:
        _add(changes, event)
    return changes


def _add(changes: Changes, event: Event) -> None:
    match event:
        case StudyStarted():
            _start_study(changes, event)
        case TrialStarted(number=number):
            _start_trial(changes.trial(number), event)
        case EpochReported(number=number):
            _add_epoch(changes.trial(number), event)
        case TrialEnded(number=number):
            _end_trial(changes.trial(number), event)
        case FrontChanged():
            changes.front = event
        case ArtifactWritten(path=path):
            changes.artifacts[path] = event
        case StudyEnded(state=state):
            changes.study.status, changes.study.ended_ms = _STUDY_STATUS[state], event.timestamp_ms
            changes.study.tags["state"] = state.value
            changes.is_published = state is StudyEnd.COMPLETED


def _start_study(changes: Changes, event: StudyStarted) -> None:
    study = changes.study
    study.started_ms = study.started_ms or event.timestamp_ms
    study.status = RUNNING
    study.params |= params(event.params)
    study.tags |= tags({RUN_NAME_TAG: event.name[:MAX_RUN_NAME], "state": RUNNING, **event.tags})
    if "commit" in event.tags:
        study.tags |= tags({COMMIT_TAG: event.tags["commit"]})
    changes.description = event.description


def _start_trial(trial: RunChange, event: TrialStarted) -> None:
    trial.started_ms = trial.started_ms or event.timestamp_ms
    trial.status = RUNNING
    trial.params |= params({"family": event.family, **event.params})  # a tag draws no axis
    trial.tags |= tags({
        RUN_NAME_TAG: run_name(event.number, event.family),
        "state": TrialState.RUNNING,
        "family": event.family,
        "architecture_id": event.architecture_id,
        **event.tags,
    })  # fmt: skip
    # A scatter plot needs one name for the latency that is known and, later, for the one that was measured.
    latency = {"latency_ms": event.metrics["predicted_latency_ms"]} if "predicted_latency_ms" in event.metrics else {}
    trial.add_figures({**latency, **event.metrics}, event.timestamp_ms)


def _add_epoch(trial: RunChange, event: EpochReported) -> None:
    for name, value in finite_metrics(event.metrics):
        trial.curves.append(
            Point(name=EPOCH_METRICS.get(name, name), value=value, timestamp_ms=event.timestamp_ms, step=event.epoch)
        )


def _end_trial(trial: RunChange, event: TrialEnded) -> None:
    trial.status, trial.ended_ms = _TRIAL_STATUS.get(event.state, "KILLED"), event.timestamp_ms
    trial.tags |= tags({"state": event.state, **({"cause": event.cause} if event.cause else {}), **event.tags})
    trial.add_figures(event.metrics, event.timestamp_ms)
