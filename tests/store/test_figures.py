"""What is known beside the accuracies: phases, top-5, classes. Kept, announced, and never decided by."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records import EpochReport, Phases, TrialState
from orchestrator.replay import replay_log
from orchestrator.store.announcements import trial_ended
from orchestrator.store.events import event_from
from orchestrator.store.messages import Message, MessageKind, from_tune
from orchestrator.store.reading import read_log, read_snapshot
from orchestrator.store.rows import Attempt
from orchestrator.tracking.changes import collect
from tests.simulation import PREDICTIONS, Simulation, config_of
from tests.synthetic import completed, scored


class Timed(Simulation):
    """Its epochs take whatever a seed says."""

    def __init__(self, root: Path, *, seed: int) -> None:
        root.parent.mkdir(exist_ok=True)
        super().__init__(root, config_of(root.parent))
        self._rng = random.Random(seed)

    def receive(self, attempt: Attempt, kind: MessageKind, *, report: EpochReport | None = None, **fields: Any) -> bool:
        if report is not None:
            seconds = {name: self._rng.expovariate(1.0) for name in Phases.__slots__ if name != "num_images"}
            phases = Phases(num_images=self._rng.randint(1, 10**6), **seconds)
            report = replace(report, phases=phases, top5_accuracy=self._rng.random())
        return super().receive(attempt, kind, report=report, **fields)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Timed:
    """A whole study."""
    study = Timed(tmp_path_factory.mktemp("timed") / "study", seed=1)
    study.run()
    return study


def some_completed(study: Simulation) -> int:
    return next(number for number, record in study.store.records.items() if record.state is TrialState.COMPLETED)


def test_reports_and_scores_are_read_back_as_they_were_written(timed: Timed) -> None:
    trial = some_completed(timed)
    timed.store.score(trial, test_score=scored(0.87)["test_score"])
    record = timed.store.records[trial]
    assert record.test_accuracy == record.test_score.accuracy == pytest.approx(0.87)  # type: ignore[union-attr]
    assert all(report.phases and report.top5_accuracy for report in record.reports)
    assert read_snapshot(timed.store.paths.root).records == tuple(timed.store.records.values())
    final = json.loads(timed.store.paths.trial(trial).final.read_text())
    assert final["test_score"]["class_names"] == [f"class {label}" for label in range(10)]
    assert tuple(map(EpochReport.from_dict, final["reports"])) == record.reports


def test_a_report_with_phases_survives_ray(timed: Timed) -> None:
    report = timed.store.records[some_completed(timed)].reports[-1]
    message = Message(trial=0, token="a", kind=MessageKind.REPORT, report=report)
    assert from_tune(message.to_tune()) == message


def test_no_decision_depends_on_where_the_seconds_went(timed: Timed, tmp_path: Path) -> None:
    other = Timed(tmp_path / "other" / "study", seed=2)
    other.run()
    assert [(ask.point, ask.refusal) for ask in other.store.asks] == [
        (ask.point, ask.refusal) for ask in timed.store.asks
    ]
    ends = [[(record.state, record.message) for record in study.store.records.values()] for study in (timed, other)]
    assert ends[0] == ends[1]


def test_a_study_with_phases_and_scores_is_replayed_without_a_difference(timed: Timed) -> None:
    timed.store.score(some_completed(timed), test_score=scored(0.87)["test_score"])
    log = read_log(timed.store.paths.root)
    replayed = replay_log(log, timed.config, PREDICTIONS)
    assert replayed.differences == []
    assert replayed.num_suggestions == len(timed.store.asks)


def test_tracking_is_told_of_seconds_speed_and_top5_by_epoch(timed: Timed) -> None:
    entries = [entry for entry in timed.store.pending(100_000) if entry.kind == "epoch_reported"]
    report = timed.store.records[entries[0].payload["number"]].reports[0]
    curves = {point.name: point.value for point in one_change(entries[0].kind, entries[0].payload).curves}
    assert curves.keys() == {
        "validation/accuracy",
        "validation/loss",
        "validation/top5_accuracy",
        "train/loss",
        "speed/images_per_s",
        *(f"time/{name}" for name in ("wall_time_s", "data_s", "step_s", "validation_s", "checkpoint_s")),
    }
    assert report.phases is not None
    assert curves["time/step_s"] == pytest.approx(report.phases.step_s, rel=1e-2, abs=1e-4)
    assert curves["speed/images_per_s"] == pytest.approx(report.phases.images_per_s, rel=1e-2)


def test_tracking_is_told_of_the_test_split_once_it_was_scored() -> None:
    before, after = completed(0, 0.9, 1e4, 1.0), completed(0, 0.9, 1e4, 1.0, **scored(0.8))
    names = {"test_accuracy", "test_loss", "test_top5", "test_precision_macro", "test_recall_macro"}
    assert not names & one_change(*trial_ended(before)).figures.keys()
    figures = one_change(*trial_ended(after)).figures
    assert names <= figures.keys()
    assert after.test_score is not None
    assert figures["test_recall_macro"].value == pytest.approx(after.test_score.recall_macro, abs=1e-4)


def one_change(kind: str, payload: Any) -> Any:
    (change,) = collect([event_from(kind, payload)]).trials.values()
    return change
