"""A study of other settings that goes on from what an earlier one has found."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError, StudyError
from orchestrator.store.reading import read_log, read_snapshot
from orchestrator.study.fork import forked
from orchestrator.study.preparation import open_study
from orchestrator.study.sources import read_sources
from tests.simulation import STUDY, Simulation, config_of

QUICK = ("study.sampler=random", "budget.trials=6")


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """Of a study that was searched in ``tmp_path / "simulated"``."""
    config = config_of(tmp_path, STUDY, *QUICK)
    simulation = Simulation(tmp_path / "simulated", config)
    simulation.run()
    simulation.store.close()
    return config


def test_a_changed_file_is_refused_with_the_difference_and_the_fork_as_the_way_out(
    config: SearchConfig, tmp_path: Path
) -> None:
    changed = config_of(tmp_path, STUDY, *QUICK, "constraints.num_parameters=<= 20k")
    with pytest.raises(StudyError, match=r"constraints\.num_parameters: none -> <= 20,000") as error:
        open_study(tmp_path / "simulated", changed)
    assert "--fork NAME" in error.value.hint


def test_where_networks_are_trained_alike_their_results_are_taken_over(config: SearchConfig, tmp_path: Path) -> None:
    changed = config_of(tmp_path, STUDY, *QUICK, "constraints.num_parameters=<= 20k")
    fork = forked(changed, "smaller", tmp_path)
    assert (fork.study.name, fork.study.warm_start) == ("smaller", (str(tmp_path / "simulated"),))
    store = open_study(tmp_path / "smaller", fork)
    store.close()
    found = read_sources(fork)
    assert set(found.results) == {record.architecture_id for record in read_snapshot(tmp_path / "simulated").records}
    assert not found.priors
    assert len(read_snapshot(tmp_path / "simulated").records) == 6  # the old one stays as it is


def test_where_they_are_not_they_inform_the_sampler(config: SearchConfig, tmp_path: Path) -> None:
    changed = config_of(tmp_path, STUDY.replace("epochs = 8", "epochs = 9"), *QUICK)
    found = read_sources(forked(changed, "longer", tmp_path))
    assert not found.results
    assert len(found.priors) == 6


def test_the_same_fork_again_goes_on_with_it_though_its_source_is_gone(config: SearchConfig, tmp_path: Path) -> None:
    fork = forked(config_of(tmp_path, STUDY, *QUICK, "constraints.num_parameters=<= 20k"), "smaller", tmp_path)
    open_study(tmp_path / "smaller", fork).close()
    (tmp_path / "simulated").rename(tmp_path / "moved")
    open_study(tmp_path / "smaller", fork).close()
    assert read_log(tmp_path / "smaller").frozen["study"]["warm_start"] == [str(tmp_path / "simulated")]


def test_a_fork_of_a_fork_takes_from_both(config: SearchConfig, tmp_path: Path) -> None:
    first = forked(config, "one", tmp_path)
    second = forked(first, "two", tmp_path)
    assert second.study.warm_start == (str(tmp_path / "one"), str(tmp_path / "simulated"))
    assert forked(second, "three", tmp_path).study.warm_start[0] == str(tmp_path / "two")


def test_a_fork_of_a_study_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    fork = forked(config_of(tmp_path, STUDY, *QUICK), "new", tmp_path)
    with pytest.raises(StudyError, match="simulated: no study"):
        open_study(tmp_path / "new", fork)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 81, "simulated"])
def test_a_name_that_can_be_no_other_study_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="--fork"):
        forked(config_of(tmp_path, STUDY, *QUICK), name, tmp_path)
