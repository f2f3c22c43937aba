"""A logged model as a version of a registered one."""

from __future__ import annotations

import json

from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException

from orchestrator.tracking.presentation import STUDY_TAG

_VERSIONS_TAG = "mlflow.modelVersions"
"""What the page of models shows as registered."""


def register_model(client: MlflowClient, model: LoggedModel, *, name: str, run_id: str) -> None:
    """Makes a version of the model, unless it is one already.

    Raises:
        MlflowException: MLflow takes no such name, or can't be reached.
    """
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    if any(version.name == name and version.source == model.artifact_location for version in versions):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name,
        source=model.artifact_location,
        run_id=run_id,
        tags={STUDY_TAG: model.tags[STUDY_TAG]},
        model_id=model.model_id,
        await_creation_for=0,
    )
    shown = json.dumps([{"name": name, "version": version.version}])
    client.set_logged_model_tags(model.model_id, {_VERSIONS_TAG: shown})
