"""The runs of a study that MLflow has already: found by their tags, so that no run is made twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from orchestrator.tracking.presentation import STUDY_TAG, TRIAL_TAG

_PAGE = 1000


@dataclass(kw_only=True, slots=True)
class KnownRun:
    """What MLflow holds of a run, kept up to date by what is sent.

    Attributes:
        is_deleted: a person deleted it; it is left alone.
        figures: newest value of each metric.
    """

    run_id: str
    status: str
    is_deleted: bool
    tags: dict[str, str]
    params: dict[str, str]
    figures: dict[str, float]
    has_dataset: bool


def find_runs(client: MlflowClient, experiment_id: str, study_id: str) -> dict[int | None, KnownRun]:
    """Every run of a study by trial number; the study's own under None.

    A run exists twice where a server made it after its answer was given up: the one without content is deleted.
    """
    groups: dict[int | None, list[Run]] = defaultdict(list)
    for run in _search(client, experiment_id, study_id):
        number = run.data.tags.get(TRIAL_TAG)
        groups[None if number is None else int(number)].append(run)
    return {number: _keep_one(client, runs) for number, runs in groups.items()}


def known_run(run: Run) -> KnownRun:
    return KnownRun(
        run_id=run.info.run_id,
        status=run.info.status,
        is_deleted=run.info.lifecycle_stage == "deleted",
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        figures=dict(run.data.metrics),
        has_dataset=bool(run.inputs and run.inputs.dataset_inputs),
    )


def _search(client: MlflowClient, experiment_id: str, study_id: str) -> Iterator[Run]:
    token: str | None = None
    condition = f"tags.`{STUDY_TAG}` = '{study_id}'"
    while True:
        page = client.search_runs([experiment_id], condition, ViewType.ALL, _PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _keep_one(client: MlflowClient, runs: list[Run]) -> KnownRun:
    best, *others = sorted(runs, key=_rank)
    for run in others:
        if run.info.lifecycle_stage != "deleted":
            client.delete_run(run.info.run_id)
    return known_run(best)


def _rank(run: Run) -> tuple[bool, int, str]:
    return run.info.lifecycle_stage == "deleted", -len(run.data.params) - len(run.data.metrics), run.info.run_id
