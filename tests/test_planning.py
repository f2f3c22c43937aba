"""What a study would take, before it is paid for: counted, timed, or taken from studies that were."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.config.settings import SchedulerName, SearchConfig
from orchestrator.errors import BadInputError, NothingFeasibleError
from orchestrator.objectives import MACS, NUM_PARAMETERS, Constraint
from orchestrator.planning import Calibration, check_memory, disk, duration, layout_of, networks_of
from orchestrator.planning.recorded import MIN_TRIALS, recorded
from orchestrator.planning.seconds import architecture_features, network_features
from orchestrator.planning.timing import timed
from orchestrator.runtime.layout import Layout
from search_spaces import registry
from tests.simulation import STUDY, Simulation, config_of

SMALL = """
[study]
name = "simulated"
[space.resnet]
depths = [[1, 1], [1, 2]]
widths = [[8, 8], [8, 16], [16, 16]]
[recipe]
epochs = 4
[budget]
trials = 6
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planning")


@pytest.fixture(scope="module")
def config(folder: Path) -> SearchConfig:
    return config_of(folder, SMALL)


def linear(config: SearchConfig, *, factor: float = 1.0, spread: tuple[float, float] = (1.0, 1.0)) -> Calibration:
    """As if an epoch took a microsecond for a thousand MACs."""
    networks = networks_of(config)
    features_NF = network_features(networks)
    return Calibration(
        source="made up", features_KF=features_NF, seconds_K=factor * networks.macs_N * 1e-9, spread=spread
    )


def layout(config: SearchConfig, num_slots: int = 2) -> Layout:
    return dataclasses.replace(layout_of(config, None), num_slots=num_slots)


def test_every_network_of_a_small_space_is_counted(config: SearchConfig) -> None:
    networks = networks_of(config)
    built = [registry.architecture(point, config.task) for point in config.space.points()]
    assert networks.is_whole
    assert len(networks) == len(built) == 6
    assert networks.num_parameters.least == min(one.num_parameters for one in built)
    assert networks.macs.most == max(one.macs(config.task.image_size) for one in built)


def test_limits_leave_out_what_breaks_them(config: SearchConfig) -> None:
    bound = networks_of(config).num_parameters.median
    limited = dataclasses.replace(config, constraints=(Constraint(name=NUM_PARAMETERS, bound=bound),))
    networks = networks_of(limited)
    assert networks.feasible_share == 0.5
    assert networks.num_parameters.most <= bound


def test_a_space_without_a_feasible_network_ends_with_exit_code_3(config: SearchConfig) -> None:
    impossible = dataclasses.replace(config, constraints=(Constraint(name=MACS, bound=1),))
    with pytest.raises(NothingFeasibleError, match="none of the 6 architectures can be built with macs at most 1"):
        networks_of(impossible)


def test_a_network_has_the_same_features_alone_and_among_others(config: SearchConfig) -> None:
    networks = networks_of(config)
    alone = [registry.architecture(point, config.task) for point in networks.points]
    np.testing.assert_allclose(architecture_features(alone, config.task.image_size), network_features(networks))


def test_times_that_follow_the_features_are_found_again(config: SearchConfig) -> None:
    networks = networks_of(config)
    np.testing.assert_allclose(linear(config).epoch_s(networks), networks.macs_N * 1e-9, rtol=1e-6)


def test_twice_the_slots_take_half_the_time_and_hold_as_many_hours(config: SearchConfig) -> None:
    networks, calibration = networks_of(config), linear(config, factor=1e6)
    one, two = (duration(config, networks, layout(config, num_slots), calibration) for num_slots in (1, 2))
    searches = [found.wall_time_s[1] - 90.0 for found in (one, two)]
    assert searches[0] == pytest.approx(2 * searches[1])
    assert one.cpu_hours == pytest.approx(two.cpu_hours)
    assert one.gpu_hours == (0.0, 0.0)


def test_slots_that_no_trial_takes_hold_nothing(config: SearchConfig) -> None:
    networks, calibration = networks_of(config), linear(config, factor=1e6)
    enough, more = (duration(config, networks, layout(config, count), calibration) for count in (6, 600))
    assert config.budget.trials == 6
    assert more == enough


def test_what_is_trained_in_full_on_average_lies_within_the_range(config: SearchConfig) -> None:
    networks, calibration = networks_of(config), linear(config, factor=1e6)
    found = duration(config, networks, layout(config), calibration)
    mean_s = config.recipe.epochs * float((networks.macs_N * 1e-3).mean())
    low, high = found.cpu_hours
    assert low < config.budget.trials * mean_s / 3600 < high
    assert found.trial_s[0] <= found.median_trial_s <= found.trial_s[1]


def test_without_a_scheduler_nothing_is_taken_for_stopped(config: SearchConfig) -> None:
    networks, calibration = networks_of(config), linear(config, factor=1e6)
    never = dataclasses.replace(config, study=dataclasses.replace(config.study, scheduler=SchedulerName.NONE))
    stopped, unstopped = (duration(one, networks, layout(config), calibration) for one in (config, never))
    assert stopped.cpu_hours[0] < unstopped.cpu_hours[0]
    assert stopped.cpu_hours[1] == unstopped.cpu_hours[1]


def test_a_limit_of_wall_time_cuts_the_search(config: SearchConfig) -> None:
    networks, calibration = networks_of(config), linear(config, factor=1e7)
    limited = dataclasses.replace(config, budget=dataclasses.replace(config.budget, wall_time="1 min"))
    found = duration(limited, networks, layout(config), calibration)
    assert found.is_cut
    assert found.wall_time_s[1] < duration(config, networks, layout(config), calibration).wall_time_s[1]


def test_a_study_that_no_disk_holds_is_refused(config: SearchConfig, tmp_path: Path) -> None:
    huge = dataclasses.replace(config, budget=dataclasses.replace(config.budget, trials=10**15))
    with pytest.raises(BadInputError, match="are free") as refusal:
        disk(huge, networks_of(config), layout(config), tmp_path)
    assert "lower budget.trials" in refusal.value.hint


def test_disk_grows_with_the_trials(config: SearchConfig, tmp_path: Path) -> None:
    networks = networks_of(config)
    more = dataclasses.replace(config, budget=dataclasses.replace(config.budget, trials=600))
    few, many = (disk(one, networks, layout(config), tmp_path).num_bytes for one in (config, more))
    assert few[0] < few[1] < many[0] < many[1]


def test_a_space_too_large_for_the_memory_is_refused_with_the_bytes(config: SearchConfig) -> None:
    check_memory(config, networks_of(config), memory_bytes=1 << 30)
    with pytest.raises(NothingFeasibleError, match="and there are 10,000"):
        check_memory(config, networks_of(config), memory_bytes=10_000)


def test_studies_of_the_same_data_recipe_and_workers_tell_how_long_epochs_take(tmp_path: Path) -> None:
    config = config_of(tmp_path, STUDY, f"budget.trials={MIN_TRIALS}")
    assert recorded(config, tmp_path) is None
    simulation = Simulation(tmp_path / "simulated", config)
    simulation.run()
    simulation.store.close()
    found = recorded(config, tmp_path)
    assert found is not None
    assert found.source == f"from {MIN_TRIALS} trials of simulated"
    records = simulation.store.records.values()
    assert sorted(found.seconds_K) == pytest.approx(sorted(one.wall_time_s / len(one.reports) for one in records))
    smaller = dataclasses.replace(config, recipe=dataclasses.replace(config.recipe, batch_size=32))
    pairs = dataclasses.replace(config, resources=dataclasses.replace(config.resources, workers_per_trial=2))
    assert [recorded(other, tmp_path) for other in (smaller, pairs)] == [None, None]


def test_a_damaged_study_beside_others_tells_nothing(config: SearchConfig, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "study.db").write_bytes(b"no database")
    assert recorded(config, tmp_path) is None


@pytest.mark.slow
@pytest.mark.integration
def test_training_steps_are_timed_in_a_process_of_their_own(
    config: SearchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.planning.timing.SECONDS", 0.5)
    found = timed(config, networks_of(config), num_train=1078, num_validation=359)
    assert found is not None
    assert len(found.seconds_K) == 5
    assert all(0 < seconds < 1000 for seconds in found.seconds_K)


def test_the_command_prints_what_is_known_for_a_program_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_of(tmp_path, STUDY, "budget.trials=12")
    simulation = Simulation(tmp_path / "runs" / "simulated", config)
    simulation.run()
    simulation.store.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHFRONT_STORAGE", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    shown = CliRunner().invoke(app, ["plan", "simulated.toml", "--set", "budget.wall_time=1 h"])
    assert shown.exit_code == 0, shown.output
    for part in ("architectures", "least", "at a time", "ends        earlier after 1 h", "from 12 trials of simulated"):
        assert part in shown.output
    capfd.readouterr()
    CliRunner().invoke(app, ["plan", "simulated.toml", "--json"])
    plan = json.loads(capfd.readouterr().out)
    low, high = plan["time"]["wall_time_s"]
    assert 0 < low < high < math.inf
    assert plan["feasible_share"] == 1.0
    assert plan["disk_bytes"][1] < plan["free_bytes"]


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("recipe.batch_size=5000", "is larger than the"),
        ("resources.cpus_per_worker=100000", "no node has so many CPUs"),
        ("resources.gpus_per_worker=64", "GPUs"),
        ('constraints.num_parameters="<= 10"', "no architecture of this space has at most 10 parameters"),
    ],
)
def test_what_cant_work_is_refused_with_a_way_out(
    setting: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "simulated.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    refused = CliRunner().invoke(app, ["plan", "simulated.toml", "--set", setting])
    assert isinstance(refused.exception, BadInputError)
    assert text in str(refused.exception)
