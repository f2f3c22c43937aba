"""The trials of the published front as models of MLflow: logged once, found by their tags, registered on request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException

from orchestrator.errors import StorageError
from orchestrator.store.paths import StudyPaths
from orchestrator.tracking.failures import is_refusal
from orchestrator.tracking.models import sha256_of_weights, write_model
from orchestrator.tracking.presentation import FRONT_TAG, RUN_NAME_TAG, STUDY_TAG, TRIAL_TAG
from orchestrator.tracking.registration import register_model
from orchestrator.tracking.runs import KnownRun

_WEIGHTS_TAG = "archfront.weights"

_FIGURES = ("accuracy", "test_accuracy", "retrained_test_accuracy", "num_parameters", "macs", "latency_ms")
_PAGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalists:
    """The models of one study.

    Attributes:
        directory: of the study, with the trained networks.
        register: the registered model that the most accurate one becomes a version of; empty for none.
    """

    client: MlflowClient
    experiment_id: str
    study_id: str
    directory: Path
    register: str = ""

    def log(self, runs: Mapping[int | None, KnownRun]) -> list[str]:
        """Logs what MLflow lacks of the front that the runs' tags tell; returns what it refuses for good.

        Raises:
            Exception: whatever MLflow's client raises when it can't reach its server.
        """
        study = runs[None]
        if study.is_deleted:
            return []
        members = {number: run for number, run in runs.items() if number is not None and _is_on_front(run)}
        try:
            return self._log(members, study)
        except MlflowException as error:
            if not is_refusal(error):
                raise
            return [f"models: {error}"]

    def _log(self, members: Mapping[int, KnownRun], study: KnownRun) -> list[str]:
        known = self._known()
        ready: dict[int, LoggedModel] = {}
        refusals = []
        for number, run in members.items():
            if not _source(self.directory, number).is_dir():
                continue  # cleared away, or a study of figures alone
            try:
                ready[number] = self._ready(number, run, study, known=known)
            except StorageError as error:
                refusals.append(f"model of trial {number}: {error.message}")
        for (number, _), model in known.items():
            self._mark(model, is_on_front=number in members and ready.get(number, model).model_id == model.model_id)
        if self.register and ready:
            best = max(ready, key=lambda number: _rank(members[number]))
            register_model(self.client, ready[best], name=self.register, run_id=members[best].run_id)
        return refusals

    def _ready(
        self, number: int, run: KnownRun, study: KnownRun, *, known: Mapping[tuple[int, str], LoggedModel]
    ) -> LoggedModel:
        """The model of a trial; it is written where there is none, or the one that is there was not finished."""
        source = _source(self.directory, number)
        weights = sha256_of_weights(source)
        model = known.get((number, weights))
        if model is not None and model.status is LoggedModelStatus.READY:
            return model
        model = model or self._create(number, run, study, weights=weights)
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            write_model(
                folder,
                source,
                image_size=int(study.params["task.image_size"]),
                about=self._about(number, run, study),
                run_id=run.run_id,
                model_id=model.model_id,
            )
            self.client.log_model_artifacts(model.model_id, str(folder))
        self._link(model, run)
        return self.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)

    def _known(self) -> dict[tuple[int, str], LoggedModel]:
        """By trial and weights: a network that was trained again makes another model."""
        found: dict[tuple[int, str], LoggedModel] = {}
        token = None
        while True:
            page = self.client.search_logged_models(
                [self.experiment_id], f"tags.`{STUDY_TAG}` = '{self.study_id}'", max_results=_PAGE, page_token=token
            )
            found |= {(int(model.tags[TRIAL_TAG]), model.tags.get(_WEIGHTS_TAG, "")): model for model in page}
            token = page.token
            if not token:
                return found

    def _create(self, number: int, run: KnownRun, study: KnownRun, *, weights: str) -> LoggedModel:
        name = re.sub(r"[^\w-]+", "-", f"{study.tags[RUN_NAME_TAG]}-{number}-{run.tags['family']}")
        return self.client.create_logged_model(
            self.experiment_id,
            name=name,
            source_run_id=run.run_id,
            tags={
                STUDY_TAG: self.study_id,
                TRIAL_TAG: str(number),
                _WEIGHTS_TAG: weights,
                FRONT_TAG: "true",
                "architecture_id": run.tags["architecture_id"],
            },
            params=dict(run.params),
            model_type=run.tags["family"],
        )

    def _about(self, number: int, run: KnownRun, study: KnownRun) -> dict[str, Any]:
        return {
            "study": study.tags[RUN_NAME_TAG],
            "study_id": self.study_id,
            "trial": number,
            "architecture_id": run.tags["architecture_id"],
            "figures": _figures(run),
        }

    def _link(self, model: LoggedModel, run: KnownRun) -> None:
        """Shows the model on its run's page, and the run's figures on the model's."""
        shown = self.client.get_run(run.run_id).outputs
        if model.model_id not in [output.model_id for output in (shown.model_outputs if shown else [])]:
            self.client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])  # twice is an error
        stamp_ms = model.creation_timestamp
        metrics = [
            Metric(name, value, stamp_ms, 0, model_id=model.model_id, run_id=run.run_id)
            for name, value in _figures(run).items()
        ]
        self.client.log_batch(run.run_id, metrics, synchronous=True)

    def _mark(self, model: LoggedModel, *, is_on_front: bool) -> None:
        value = str(is_on_front).lower()
        if model.tags.get(FRONT_TAG) != value:
            self.client.set_logged_model_tags(model.model_id, {FRONT_TAG: value})


def _source(directory: Path, number: int) -> Path:
    """Where the weights of a trial lie that are exported: those of its retraining, if it was trained again."""
    paths = StudyPaths(directory).trial(number)
    return paths.retrained.model if paths.retrained.model.is_dir() else paths.model


def _is_on_front(run: KnownRun) -> bool:
    return run.tags.get(FRONT_TAG) == "true" and not run.is_deleted


def _figures(run: KnownRun) -> dict[str, float]:
    return {name: run.figures[name] for name in _FIGURES if name in run.figures}


def _rank(run: KnownRun) -> tuple[float, float]:
    """The most accurate, and of equals the smallest."""
    return run.figures.get("accuracy", 0.0), -run.figures.get("num_parameters", 0.0)
