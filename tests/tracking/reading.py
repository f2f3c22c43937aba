"""What MLflow holds of a study, for comparison."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

USES_MLFLOW = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated", "ignore:.*Any type hint is inferred as AnyType"
)
"""MLflow 3.17 on SQLAlchemy 2.1, and of its own types; these are MLflow's to mend."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All runs of a study that MLflow shows."""

    client: MlflowClient
    study: Run
    trials: dict[int, Run]

    def curve(self, number: int, name: str = "validation/accuracy") -> list[tuple[int, float]]:
        history = self.client.get_metric_history(self.trials[number].info.run_id, name)
        return sorted((point.step, point.value) for point in history)


def read(uri: str, study_id: str, *, experiment: str = "archfront") -> Shown:
    """Reads a study; a run that is there twice is an error."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    condition = f"tags.`archfront.study_id` = '{study_id}'"
    runs = client.search_runs([found.experiment_id], condition, ViewType.ACTIVE_ONLY, max_results=1000)
    kinds = [run.data.tags["kind"] for run in runs]
    numbers = [run.data.tags["archfront.trial"] for run in runs if run.data.tags["kind"] == "trial"]
    assert kinds.count("study") == 1, kinds
    assert len(set(numbers)) == len(numbers), sorted(numbers)
    return Shown(
        client=client,
        study=next(run for run in runs if run.data.tags["kind"] == "study"),
        trials={int(run.data.tags["archfront.trial"]): run for run in runs if run.data.tags["kind"] == "trial"},
    )


def assert_whole_study(uri: str, study_id: str) -> None:
    """All that ``studies.whole_study`` says is there, once."""
    shown = read(uri, study_id)
    assert sorted(shown.trials) == [0, 1, 2]
    assert shown.study.info.status == "FINISHED"
    assert [shown.trials[number].info.status for number in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    assert [shown.trials[number].data.tags["pareto"] for number in range(3)] == ["true", "false", "false"]
    assert {run.data.tags["mlflow.parentRunId"] for run in shown.trials.values()} == {shown.study.info.run_id}
    for number in range(3):
        assert shown.curve(number) == [(1, 0.91), (2, 0.92), (3, 0.93)]
