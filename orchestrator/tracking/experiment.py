"""The experiment of MLflow that a study's runs lie in, with the views that its pages offer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.errors import ArchfrontError
from orchestrator.tracking.failures import is_refusal
from orchestrator.tracking.views_state import Axes, is_same, view_tags

_VIEWS_ARE_KNOWN = mlflow.__version__.partition(".")[0] == "3"
"""A later version may keep its views in another form: then links carry a search alone."""

# MLflow's pages open in their view for language models unless the experiment says that it is none.
_TAGS = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(kw_only=True, slots=True)
class Experiment:
    """What MLflow holds of it, kept up to date by what is sent.

    Attributes:
        has_views: MLflow is of a version whose views are known, and takes them.
    """

    experiment_id: str
    tags: dict[str, str]
    has_views: bool = _VIEWS_ARE_KNOWN

    @classmethod
    def open(cls, client: MlflowClient, name: str, *, artifact_location: str | None) -> Self:
        """Finds it by its name, or makes it.

        Raises:
            ArchfrontError: a person has deleted it.
        """
        found = client.get_experiment_by_name(name)
        if found is None:
            return cls(experiment_id=client.create_experiment(name, artifact_location, _TAGS), tags=dict(_TAGS))
        if found.lifecycle_stage == "deleted":
            raise ArchfrontError(f'experiment "{name}" is deleted in MLflow: restore it or set another one')
        return cls(experiment_id=str(found.experiment_id), tags=dict(found.tags))

    def show(
        self, client: MlflowClient, *, study_id: str, study_name: str, trials: Iterable[Mapping[str, str]]
    ) -> list[str]:
        """Writes the views of a study, again where other parameters differ between its trials by now.

        Returns what MLflow refuses for good; then it is not asked again.
        """
        try:
            for name, value in view_tags(study_id, study_name, Axes.of(trials), now_ms=_now_ms()).items():
                if self.has_views and not is_same(self.tags.get(name), value):
                    client.set_experiment_tag(self.experiment_id, name, value)
                    self.tags[name] = value
        except MlflowException as error:
            if not is_refusal(error):
                raise
            self.has_views = False
            return [f"views: {error}"]
        return []


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
