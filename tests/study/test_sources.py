from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.settings import SearchConfig
from orchestrator.errors import StudyError
from orchestrator.records import Cause, TrialState
from orchestrator.storage import write_folder
from orchestrator.storage.files import write_bytes
from orchestrator.store.paths import StudyPaths
from orchestrator.study.preparation import open_study
from orchestrator.study.sources import read_sources
from orchestrator.suggest.stored import StoredResults
from orchestrator.suggest.wiring import proposals_of
from tests.simulation import PREDICTIONS, Simulation, config_of

SMALL = """
[study]
name = "simulated"
[space.densenet]
growth_rate = [4, 8]
block_config = [[1, 1], [2, 2], [3, 2]]
[recipe]
epochs = 8
[budget]
trials = 50
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A study of a space of six networks, four of which it has trained."""
    simulation = Simulation(tmp_path / "source", config_of(tmp_path, SMALL, "budget.trials=4"))
    simulation.run()
    for number in simulation.store.records:
        write_folder(
            simulation.store.paths.trial(number).model,
            lambda folder: write_bytes(folder / "model.safetensors", b"weights"),
            num_bytes=len(b"weights"),
        )
    simulation.store.close()
    return tmp_path / "source"


def warm(folder: Path, source: Path, *overrides: str) -> SearchConfig:
    config = config_of(folder, SMALL, *overrides)
    return replace(config, study=replace(config.study, warm_start=(str(source),)))


def run(root: Path, config: SearchConfig) -> Simulation:
    simulation = Simulation(root, config)
    stored = StoredResults.from_json(read_sources(config).to_json())
    simulation.proposals = proposals_of(simulation.store, config, predictions=PREDICTIONS, stored=stored)
    simulation.run()
    return simulation


def test_results_of_the_same_recipe_data_and_seed_are_taken_and_cost_no_trial(tmp_path: Path, source: Path) -> None:
    simulation = run(tmp_path / "study", warm(tmp_path, source, "budget.trials=2"))
    records = simulation.store.records.values()
    taken = [record for record in records if record.cause is Cause.REUSED]
    assert len(taken) == 4
    assert len(records) == 6
    assert all(record.state is TrialState.COMPLETED and "of simulated" in record.message for record in taken)
    assert all(len(record.reports) == 8 and record.num_attempts == 0 for record in taken)
    for record in taken:
        assert (simulation.store.paths.trial(record.number).model / "model.safetensors").read_bytes() == b"weights"


def test_a_taken_result_survives_the_study_store(tmp_path: Path, source: Path) -> None:
    config = warm(tmp_path, source)
    simulation = run(tmp_path / "study", config)
    before = dict(simulation.store.records)
    simulation.store.close()
    assert Simulation(tmp_path / "study", config).store.records == before


@pytest.mark.parametrize("override", ["recipe.momentum=0.8", "study.seed=5", "data.validation_share=0.3"])
def test_results_of_another_recipe_data_or_seed_inform_and_are_not_taken(
    tmp_path: Path, source: Path, override: str
) -> None:
    config = warm(tmp_path, source, override)
    found = read_sources(config)
    assert found.results == {}
    assert len(found.priors) == 4
    simulation = run(tmp_path / "study", config)
    assert len(simulation.store.records) == 6
    assert all(record.cause is None for record in simulation.store.records.values())
    assert simulation.store.asks[0].reason["how"] == "gain"


def test_a_source_that_is_missing_is_refused_before_a_study_is_made(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        open_study(tmp_path / "study", warm(tmp_path, tmp_path / "nowhere"))
    assert not StudyPaths(tmp_path / "study").database.exists()
