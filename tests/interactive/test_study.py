"""A study as a Python object, over the real store and without a search."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import orchestrator
from orchestrator.data.catalog import DIGITS
from orchestrator.errors import BadInputError, NothingFeasibleError, StudyError
from orchestrator.records import TrialState
from orchestrator.store.reading import read_snapshot
from tests.simulation import STUDY, Simulation, config_of
from tests.test_further_objectives import ALL, GOALS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interactive")
    overrides = ("budget.trials=14", 'study.sampler="random"')
    simulation = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY, *overrides))
    simulation.run()
    simulation.store.close()
    return simulation.store.paths.root


def test_the_front_is_a_frame_by_trial_most_accurate_first(root: Path) -> None:
    study = orchestrator.open_study(root)
    front = study.front
    assert front.index.name == "number"
    assert front["accuracy"].is_monotonic_decreasing
    assert list(front.columns[:5]) == ["family", "architecture", "accuracy", "num_parameters", "predicted_latency_ms"]
    assert set(front.index) == set(study.trials.query("pareto").index)
    assert len(study.trials) == 14


def test_the_best_is_that_of_the_command_line(root: Path) -> None:
    study = orchestrator.open_study(str(root))
    choice = study.best(max_params=1e5, min_accuracy="50 %", policy="small")
    assert choice.record.num_parameters == study.front["num_parameters"].min()
    assert "num_parameters at most 100,000" in choice.why


def test_further_objectives_are_columns_of_the_front_and_limits_of_the_best(tmp_path: Path) -> None:
    config = config_of(tmp_path, STUDY + GOALS, "budget.trials=4", 'study.sampler="random"')
    simulation = Simulation(tmp_path / "goals", config, predictions=ALL)
    simulation.run()
    simulation.store.close()
    study = orchestrator.open_study(tmp_path / "goals")
    front = study.front
    assert {"predicted_throughput_per_s", "file_bytes", "peak_memory_bytes"} <= set(front.columns)
    choice = study.best(max_file="150 kB", max_memory="1 GB", min_throughput="900 /s")
    assert choice.record.number in front.index
    with pytest.raises(NothingFeasibleError, match="throughput_per_s"):
        study.best(min_throughput="1e9 k/s")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_latency": 5}, "max_latency 5: give a unit"),
        ({"policy": "tiny"}, "must be one of accurate"),
        ({"max_params": "x"}, "x"),
    ],
)
def test_what_can_not_be_read_is_bad_input(root: Path, limits: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        orchestrator.open_study(root).best(**limits)  # type: ignore[arg-type]


def test_nothing_inside_the_limits_names_the_nearest(root: Path) -> None:
    with pytest.raises(NothingFeasibleError, match="nearest"):
        orchestrator.open_study(root).best(min_accuracy=0.9999)


def test_a_network_is_loaded_by_number_record_or_choice(root: Path) -> None:
    from orchestrator.config.settings import DataSettings
    from orchestrator.data.dataset import load
    from orchestrator.store.paths import StudyPaths
    from orchestrator.training.model_files import write_model
    from search_spaces.registry import architecture_from_dict, build_model

    study = orchestrator.open_study(root)
    choice = study.best()
    architecture = architecture_from_dict(choice.record.architecture)
    folder = StudyPaths(root).trial(choice.record.number).model
    write_model(folder, architecture, build_model(architecture), load(DataSettings(name=DIGITS), seed=0))
    outputs = [study.load(what)(torch.ones(1, 1, 8, 8)) for what in (choice, choice.record, choice.record.number)]
    assert all(torch.equal(outputs[0], other) for other in outputs)


def test_a_trial_without_a_network_says_so(root: Path) -> None:
    study = orchestrator.open_study(root)
    pruned = next(one for one in read_snapshot(root).records if one.state is TrialState.PRUNED)
    with pytest.raises(BadInputError, match=f"trial {pruned.number} is PRUNED and has no trained network"):
        study.load(pruned)
    with pytest.raises(BadInputError, match="has trials 0 to 13"):
        study.load(99)


def test_it_shows_itself_without_a_script(root: Path) -> None:
    html = orchestrator.open_study(root)._repr_html_()
    assert "<svg" in html
    assert "<table" in html
    assert "<script" not in html
    assert "14 trials" in html


def test_no_study_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        orchestrator.open_study(tmp_path / "absent")


def test_a_study_file_with_a_mistake_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[budget]\ntrails = 3\n")
    with pytest.raises(BadInputError, match=r'budget\.trails = 3: unknown key; did you mean "trials"'):
        orchestrator.search(tmp_path / "study.toml", storage=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_importing_it_imports_no_framework() -> None:
    program = (
        "import sys, orchestrator\n"
        "names = orchestrator.__all__\n"
        "assert all(name in dir(orchestrator) for name in names)\n"
        "orchestrator.search, orchestrator.open_study, orchestrator.Study\n"
        "print(sorted({'torch', 'ray', 'optuna', 'mlflow', 'pandas', 'pyarrow'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
