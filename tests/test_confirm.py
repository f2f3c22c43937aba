"""The finalists' test split: scored as a whole, and kept with the trial."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from orchestrator.config.settings import DataSettings, SearchConfig
from orchestrator.confirm.scoring import score_models
from orchestrator.data.dataset import Dataset
from orchestrator.records import TrialState
from orchestrator.store.opening import take
from orchestrator.training.attempt import dataset_of
from orchestrator.training.evaluate import evaluate
from orchestrator.training.model_files import read_model, write_model
from orchestrator.training.work import StudyWork
from search_spaces.registry import build_model
from tests.simulation import Simulation, config_of
from tests.training.trials import FIELDS, small_architecture


@pytest.fixture
def digits(tmp_path: Path) -> Dataset:
    config = config_of(tmp_path)
    assert config.data == DataSettings()
    return dataset_of(config.data, config.study.seed)


@pytest.fixture
def folders(digits: Dataset, tmp_path: Path) -> dict[int, Path]:
    """Networks as training leaves them, but for the training."""
    torch.manual_seed(0)
    for family in FIELDS:
        architecture = small_architecture(family)
        write_model(tmp_path / family, architecture, build_model(architecture), digits)
    return {number: tmp_path / family for number, family in enumerate(FIELDS)}


def work_of(config: SearchConfig, root: Path) -> StudyWork:
    return StudyWork(
        root=root, seed=config.study.seed, owner_epoch=1, data=config.data, recipe=config.recipe, num_threads=1
    )


def test_each_network_is_scored_on_the_test_split(digits: Dataset, folders: dict[int, Path], tmp_path: Path) -> None:
    removed = {len(folders): tmp_path / "removed"}
    scores = score_models(folders | removed, study=work_of(config_of(tmp_path), tmp_path))
    assert scores.keys() == folders.keys()
    for number, score in scores.items():
        expected = evaluate(read_model(folders[number]), digits.test, digits)
        assert (score.accuracy, score.num_images) == (expected.accuracy, len(digits.test))
        assert score.loss == pytest.approx(expected.loss)
        assert score.class_names == digits.class_names


def test_a_score_stays_with_its_trial(folders: dict[int, Path], tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path))
    simulation.run(until=lambda: len(simulation.store.records) >= 4)
    done = [number for number, record in simulation.store.records.items() if record.state is TrialState.COMPLETED]
    for number, score in zip(
        done, score_models(folders, study=work_of(simulation.config, tmp_path)).values(), strict=False
    ):
        simulation.store.score(number, test_score=score)
    records = simulation.store.records
    simulation.store.close()
    again = take(tmp_path / "study").records
    assert again == records
    assert any(record.test_score is not None for record in again.values())
