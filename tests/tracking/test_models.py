"""Finalists as models of MLflow: logged once, and loaded by MLflow alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import LoggedModel

from orchestrator.store.paths import StudyPaths
from orchestrator.tracking.client import Client
from orchestrator.tracking.models import requirements
from tests.tracking.networks import published, trained
from tests.tracking.reading import USES_MLFLOW, read
from tests.tracking.studies import front, study_ended

pytestmark = USES_MLFLOW

ROOT = Path(__file__).parents[2]

# What a machine has that was given the model alone: no archfront on its path.
LOAD = """
import sys
sys.path = [path for path in sys.path if path != sys.argv[3]]
import mlflow.pyfunc, numpy
model = mlflow.pyfunc.load_model(sys.argv[1])
import search_spaces
assert "search_spaces.zip" in search_spaces.__file__, search_spaces.__file__
folder = sys.argv[2]
numpy.save(f"{folder}/logits.npy", model.predict(numpy.load(f"{folder}/images.npy")))
"""


@pytest.fixture
def connect(database_uri: str, directory: Path) -> Callable[..., Client]:
    def client(**settings: Any) -> Client:
        return Client(uri=database_uri, experiment="archfront", study_id="s1", directory=directory, **settings)

    return client


@pytest.fixture
def mlflow(database_uri: str) -> MlflowClient:
    return MlflowClient(database_uri)


def models(client: MlflowClient) -> dict[int, LoggedModel]:
    found = client.search_logged_models(["1"])
    assert len({model.tags["archfront.trial"] for model in found}) == len(found)
    return {int(model.tags["archfront.trial"]): model for model in found}


def test_a_finalist_is_loaded_without_archfront_and_computes_the_same(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient, tmp_path: Path
) -> None:
    network = trained(StudyPaths(directory).trial(1).model)
    assert connect().apply(published(1)) == []
    model = models(mlflow)[1]
    image_BCHW = np.random.default_rng(0).standard_normal((4, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "images.npy", image_BCHW)
    command = [sys.executable, "-P", "-W", "ignore", "-c", LOAD, model.artifact_location, str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        expected_BK = network(torch.from_numpy(image_BCHW)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected_BK, rtol=1e-5, atol=1e-6)


def test_a_model_says_what_it_needs_and_holds_no_pickle(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient, database_uri: str
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    connect().apply(published(1))
    model = models(mlflow)[1]
    folder = Path(model.artifact_location.removeprefix("file://"))
    needed = (folder / "requirements.txt").read_text().split()
    assert set(requirements("densenet")) <= set(needed)
    assert {line.partition("==")[0] for line in needed} == {"mlflow", "numpy", "safetensors", "torch"}
    assert [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pt", ".pth")] == []
    assert {metric.key: metric.value for metric in model.metrics or []}["accuracy"] == 0.93
    assert model.source_run_id == read(database_uri, "s1").trials[1].info.run_id


def test_models_follow_the_front_and_are_logged_once(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    paths = StudyPaths(directory)
    for number in (0, 1):
        trained(paths.trial(number).model)
    connect().apply(published(0, 1))
    first = models(mlflow)
    connect().apply(published(0, 1))
    assert {number: model.model_id for number, model in models(mlflow).items()} == {
        number: model.model_id for number, model in first.items()
    }
    assert connect().apply([front(1), study_ended()]) == []
    assert {number: model.tags["pareto"] for number, model in models(mlflow).items()} == {0: "false", 1: "true"}


def test_a_network_that_was_trained_again_is_another_model(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    connect().apply(published(1))
    trained(StudyPaths(directory).trial(1).retrained.model, seed=1)
    assert connect().apply([study_ended()]) == []
    found = mlflow.search_logged_models(["1"])
    assert sorted(model.tags["pareto"] for model in found) == ["false", "true"]


def test_an_upload_that_broke_off_is_finished_later(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    connect().apply(published(1))
    model = models(mlflow)[1]
    mlflow.finalize_logged_model(model.model_id, "FAILED")
    assert connect().apply([study_ended()]) == []
    assert (models(mlflow)[1].model_id, models(mlflow)[1].status) == (model.model_id, "READY")


def test_what_a_disk_has_changed_is_not_logged_and_said(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    folder = StudyPaths(directory).trial(1).model
    trained(folder)
    (folder / "model.safetensors").write_bytes(b"torn")
    (refusal,) = connect().apply(published(1))
    assert refusal.startswith("model of trial 1: ")
    assert "is not what training wrote" in refusal


def test_a_finalist_whose_weights_were_cleared_away_keeps_its_model(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    folder = StudyPaths(directory).trial(1).model
    trained(folder)
    connect().apply(published(1))
    shutil.rmtree(folder)
    assert connect().apply([study_ended()]) == []
    assert models(mlflow)[1].tags["pareto"] == "true"


def test_the_most_accurate_finalist_is_registered_once(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    paths = StudyPaths(directory)
    for number in (0, 1):
        trained(paths.trial(number).model)
    for _ in range(2):
        connect(register="digit reader").apply(published(0, 1))
    (version,) = mlflow.search_model_versions("name = 'digit reader'")
    assert version.source == models(mlflow)[0].artifact_location, "of equals the smallest"


def test_a_name_that_mlflow_does_not_take_is_said_and_the_models_are_there(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    (refusal,) = connect(register="a/b: c").apply(published(1))
    assert refusal.startswith("models: ")
    assert models(mlflow)[1].status == "READY"


def test_an_interrupted_study_has_no_finalists(
    connect: Callable[..., Client], directory: Path, mlflow: MlflowClient
) -> None:
    trained(StudyPaths(directory).trial(1).model)
    connect().apply(published(1)[:-1])
    assert models(mlflow) == {}
