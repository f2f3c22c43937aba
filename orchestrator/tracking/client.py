"""Applies events to MLflow: one run for the study, one below it for each trial, however often an event comes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from orchestrator.errors import ArchfrontError
from orchestrator.store.events import Event
from orchestrator.tracking.address import artifact_location, sqlite_path
from orchestrator.tracking.changes import RUNNING, Changes, Point, RunChange, collect
from orchestrator.tracking.database import create_database
from orchestrator.tracking.presentation import RUN_NAME_TAG, note, run_colour
from orchestrator.tracking.runs import STUDY_TAG, TRIAL_TAG, KnownRun, find_runs, known_run

_NOTE = "mlflow.note.content"
_COLOUR = "mlflow.runColor"
_PARENT = "mlflow.parentRunId"

# MLflow's pages open in their view for language models unless the experiment says that it is none.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


class Client:
    """MLflow for one study.

    What MLflow holds is asked once and then remembered; after any failure it is asked again, because nobody knows
    what arrived. Points of curves can't be asked for cheaply: those that surely arrived are remembered until their
    whole batch has, so that a server that fails now and then still gets on.

    Args:
        tells_again: events are of a study that was sent before, with other times: points that are there stay alone.
    """

    def __init__(self, *, uri: str, experiment: str, study_id: str, directory: Path, tells_again: bool = False) -> None:
        self._uri = uri
        self._experiment = experiment
        self._study_id = study_id
        self._directory = directory
        self._tells_again = tells_again
        self._histories: dict[tuple[str, str], set[tuple[int, float]]] = {}
        self._mlflow: MlflowClient | None = None
        self._experiment_id = ""
        self._runs: dict[int | None, KnownRun] = {}
        self._arrived: set[tuple[int | None, Point]] = set()
        self._is_current = False
        self._has_failed = False

    def apply(self, events: Sequence[Event]) -> list[str]:
        """Writes what a batch of events changes; returns what MLflow refuses for good.

        Raises:
            Exception: whatever MLflow's client raises when it can't reach its server; all is to be sent again.
        """
        changes = collect(events)
        try:
            self._catch_up()
            refusals = self._write_all(changes)
            if self._has_failed and changes.study.ended_ms is not None:
                self._runs = find_runs(self._client, self._experiment_id, self._study_id)
        except Exception:
            self._is_current = False
            self._has_failed = True
            raise
        self._arrived.clear()
        return refusals

    @property
    def _client(self) -> MlflowClient:
        if self._mlflow is None:
            path = sqlite_path(self._uri)
            if path is not None:
                create_database(path)
            self._mlflow = MlflowClient(self._uri)
        return self._mlflow

    def _catch_up(self) -> None:
        if not self._is_current:
            self._experiment_id = self._open_experiment()
            self._runs = find_runs(self._client, self._experiment_id, self._study_id)
            self._histories.clear()
            self._is_current = True

    def _open_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(self._experiment)
        if experiment is None:
            location = artifact_location(self._uri, self._directory.parent)
            return str(self._client.create_experiment(self._experiment, location, _EXPERIMENT_TAGS))
        if experiment.lifecycle_stage == "deleted":
            raise ArchfrontError(f'experiment "{self._experiment}" is deleted in MLflow: restore it or set another one')
        return str(experiment.experiment_id)

    def _write_all(self, changes: Changes) -> list[str]:
        refusals = []
        self._add_note(changes)
        self._add_front(changes)
        for number, change in ((None, changes.study), *sorted(changes.trials.items())):
            try:
                self._write(number, change)
            except MlflowException as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":
                    raise
                refusals.append(str(error))
        return refusals + self._write_artifacts(changes)

    def _add_note(self, changes: Changes) -> None:
        front = changes.front.markdown if changes.front is not None else None
        if front is not None or changes.description is not None:
            study = self._runs.get(None)
            previous = study.tags.get(_NOTE, "") if study is not None else ""
            changes.study.tags[_NOTE] = note(previous, description=changes.description, front=front)

    def _add_front(self, changes: Changes) -> None:
        if changes.front is None:
            return
        members = set(changes.front.numbers)
        known = {number for number in self._runs if number is not None}
        for number in known | changes.trials.keys() | members:
            self._mark(number, changes.trial(number), is_on_front=number in members)

    def _mark(self, number: int, change: RunChange, *, is_on_front: bool) -> None:
        known = self._runs.get(number)
        family = change.tags.get("family") or (known.tags.get("family", "") if known is not None else "")
        change.tags["pareto"] = str(is_on_front).lower()
        change.tags[_COLOUR] = run_colour(family, is_on_front=is_on_front)

    def _write(self, number: int | None, change: RunChange) -> None:
        run = self._runs.get(number) or self._create(number, change)
        if run.is_deleted:
            return
        params = {name: value for name, value in change.params.items() if name not in run.params}
        tags = {name: value for name, value in change.tags.items() if run.tags.get(name) != value}
        figures = [point for point in change.figures.values() if run.figures.get(point.name) != point.value]
        curves = [point for point in change.curves if not self._has(number, run, point)]
        self._client.log_batch(
            run.run_id,
            [_metric(point) for point in (*figures, *curves)],
            [Param(name, value) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
            synchronous=True,
        )
        self._arrived |= {(number, point) for point in curves}
        run.params |= params
        run.tags |= tags
        run.figures |= {point.name: point.value for point in figures}
        self._set_status(run, change)

    def _has(self, number: int | None, run: KnownRun, point: Point) -> bool:
        if (number, point) in self._arrived:
            return True
        if not self._tells_again or point.name not in run.figures:
            return False
        key = (run.run_id, point.name)
        if key not in self._histories:
            history = self._client.get_metric_history(*key)
            self._histories[key] = {(metric.step, metric.value) for metric in history}
        return (point.step, point.value) in self._histories[key]

    def _create(self, number: int | None, change: RunChange) -> KnownRun:
        tags = {STUDY_TAG: self._study_id, "kind": "study", RUN_NAME_TAG: "study"}
        if number is not None:
            tags |= {
                TRIAL_TAG: str(number),
                "kind": "trial",
                RUN_NAME_TAG: str(number),
                _PARENT: self._study_run.run_id,
            }
            if "pareto" not in change.tags:
                self._mark(number, change, is_on_front=False)
        start_ms = change.started_ms or int(time.time() * 1000)
        run = self._client.create_run(self._experiment_id, start_time=start_ms, tags={**tags, **change.tags})
        self._runs[number] = known_run(run)
        return self._runs[number]

    @property
    def _study_run(self) -> KnownRun:
        return self._runs.get(None) or self._create(None, RunChange())

    def _set_status(self, run: KnownRun, change: RunChange) -> None:
        if change.status is None or change.status == run.status:
            return
        if change.status == RUNNING:
            self._client.update_run(run.run_id, status=RUNNING)
        else:
            self._client.set_terminated(run.run_id, status=change.status, end_time=change.ended_ms)
        run.status = change.status

    def _write_artifacts(self, changes: Changes) -> list[str]:
        missing = []
        study = self._study_run
        for path, event in changes.artifacts.items():
            file = self._directory / path
            if not file.exists():
                missing.append(f"{path} is gone and can't be sent")
            elif not study.is_deleted:
                self._client.log_artifact(study.run_id, str(file), event.artifact_path or None)
        return missing


def _metric(point: Point) -> Metric:
    return Metric(point.name, point.value, point.timestamp_ms, point.step)
