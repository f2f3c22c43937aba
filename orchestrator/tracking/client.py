"""Applies events to MLflow: one run for the study, one below it for each trial, however often an event comes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from orchestrator.store.events import Event
from orchestrator.tracking.address import artifact_location, sqlite_path
from orchestrator.tracking.changes import RUNNING, Changes, Point, RunChange, collect
from orchestrator.tracking.database import create_database
from orchestrator.tracking.dataset import dataset_of
from orchestrator.tracking.experiment import Experiment
from orchestrator.tracking.finalists import Finalists
from orchestrator.tracking.points import SentPoints
from orchestrator.tracking.presentation import FRONT_TAG, RUN_NAME_TAG, STUDY_TAG, TRIAL_TAG, note, run_colour
from orchestrator.tracking.runs import KnownRun, find_runs, known_run
from orchestrator.tracking.whereabouts import note_whereabouts

_NOTE = "mlflow.note.content"
_COLOUR = "mlflow.runColor"
_PARENT = "mlflow.parentRunId"
_SOURCE_TAGS = {"mlflow.source.name": "archfront", "mlflow.source.type": "LOCAL"}


class Client:
    """MLflow for one study.

    What MLflow holds is asked once and then remembered; after any failure it is asked again, because nobody knows
    what arrived. Points of curves can't be asked for cheaply: those that surely arrived are remembered until their
    whole batch has, so that a server that fails now and then still gets on.

    Args:
        tells_again: events are of a study that was sent before, with other times: points that are there stay alone.
        register: the registered model that the best of them becomes a version of; empty for none.
    """

    def __init__(
        self,
        *,
        uri: str,
        experiment: str,
        study_id: str,
        directory: Path,
        tells_again: bool = False,
        register: str = "",
    ) -> None:
        self._uri = uri
        self._experiment_name = experiment
        self._study_id = study_id
        self._directory = directory
        self._register = register
        self._mlflow: MlflowClient | None = None
        self._experiment = Experiment(experiment_id="", tags={})
        self._runs: dict[int | None, KnownRun] = {}
        self._sent = SentPoints(tells_again=tells_again)
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
                self._runs = find_runs(self._client, self._experiment.experiment_id, self._study_id)
        except Exception:
            self._is_current = False
            self._has_failed = True
            raise
        self._sent.end_batch()
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
            location = artifact_location(self._uri, self._directory.parent)
            self._experiment = Experiment.open(self._client, self._experiment_name, artifact_location=location)
            self._runs = find_runs(self._client, self._experiment.experiment_id, self._study_id)
            self._sent.forget_histories()
            self._is_current = True

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
        refusals += self._show() + self._write_artifacts(changes)
        if changes.is_published:
            refusals += self._finalists.log(self._runs)
        return refusals

    def _show(self) -> list[str]:
        """Keeps the views of the pages up to date, and the note of where they are."""
        refusals = self._experiment.show(
            self._client,
            study_id=self._study_id,
            study_name=self._study_run.tags.get(RUN_NAME_TAG, ""),
            trials=[run.params for number, run in self._runs.items() if number is not None],
        )
        note_whereabouts(
            self._directory,
            uri=self._uri,
            experiment_id=self._experiment.experiment_id,
            study_id=self._study_id,
            has_views=self._experiment.has_views,
        )
        return refusals

    @property
    def _finalists(self) -> Finalists:
        return Finalists(
            client=self._client,
            experiment_id=self._experiment.experiment_id,
            study_id=self._study_id,
            directory=self._directory,
            register=self._register,
        )

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
        change.tags[FRONT_TAG] = str(is_on_front).lower()
        change.tags[_COLOUR] = run_colour(family, is_on_front=is_on_front)

    def _write(self, number: int | None, change: RunChange) -> None:
        run = self._runs.get(number) or self._create(number, change)
        if run.is_deleted:
            return
        params = {name: value for name, value in change.params.items() if name not in run.params}
        tags = {name: value for name, value in change.tags.items() if run.tags.get(name) != value}
        figures = [point for point in change.figures.values() if run.figures.get(point.name) != point.value]
        curves = [point for point in change.curves if not self._sent.has(self._client, run, point)]
        self._client.log_batch(
            run.run_id,
            [_metric(point) for point in (*figures, *curves)],
            [Param(name, value) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
            synchronous=True,
        )
        self._sent.add(run, curves)
        run.params |= params
        run.tags |= tags
        run.figures |= {point.name: point.value for point in figures}
        self._add_dataset(run)
        self._set_status(run, change)

    def _add_dataset(self, run: KnownRun) -> None:
        dataset = dataset_of(self._study_run.params)
        if dataset is not None and not run.has_dataset:
            self._client.log_inputs(run.run_id, [dataset])
            run.has_dataset = True

    def _create(self, number: int | None, change: RunChange) -> KnownRun:
        tags = {**_SOURCE_TAGS, STUDY_TAG: self._study_id, "kind": "study", RUN_NAME_TAG: "study"}
        if number is not None:
            tags |= {
                TRIAL_TAG: str(number),
                "kind": "trial",
                RUN_NAME_TAG: str(number),
                _PARENT: self._study_run.run_id,
            }
            if FRONT_TAG not in change.tags:
                self._mark(number, change, is_on_front=False)
        start_ms = change.started_ms or int(time.time() * 1000)
        run = self._client.create_run(self._experiment.experiment_id, start_time=start_ms, tags={**tags, **change.tags})
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
