from __future__ import annotations

import math
from pathlib import Path

import pytest

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.settings import Budget, DataSettings, Recipe, Resources
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError
from orchestrator.objectives import Constraint, Direction, Objective
from search_spaces.architecture import Task
from tests.config.conftest import Read

SMALLEST = '[data]\nname = "digits"'


def test_the_smallest_study_has_the_defaults(read: Read) -> None:
    config = read(SMALLEST).config
    assert config.study.name == "study"
    assert config.task == Task(in_channels=1, num_classes=10, image_size=8)
    assert (config.data, config.recipe, config.budget, config.resources) == (
        DataSettings(),
        Recipe(),
        Budget(),
        Resources(),
    )
    assert config.objectives == (
        Objective(name="accuracy", direction=Direction.MAXIMIZE),
        Objective(name="num_parameters", direction=Direction.MINIMIZE),
        Objective(name="latency_ms", direction=Direction.MINIMIZE),
    )
    assert config.constraints == ()


def test_objectives_of_one_direction_leave_the_other_as_it_is(read: Read) -> None:
    config = read('[objectives]\nminimize = ["macs"]').config
    assert [one.name for one in config.objectives] == ["accuracy", "macs"]


def test_accuracy_alone_may_be_optimised(read: Read) -> None:
    assert [one.name for one in read("[objectives]\nminimize = []").config.objectives] == ["accuracy"]


def test_constraints_are_read_with_their_units(read: Read) -> None:
    text = '[constraints]\nlatency_ms = "<= 1 s"\nnum_parameters = "<= 1.5M"\nmacs = 1_000_000\naccuracy = ">= 90 %"'
    bounds = {"accuracy": 0.9, "num_parameters": 1.5e6, "macs": 1e6, "latency_ms": 1000.0}
    assert read(text).config.constraints == tuple(Constraint(name=name, bound=bound) for name, bound in bounds.items())


def test_whole_numbers_become_real_where_a_setting_is_real(read: Read) -> None:
    warmup = read("[recipe]\nwarmup_epochs = 2").config.recipe.warmup_epochs
    assert (warmup, type(warmup)) == (2.0, float)


@pytest.mark.parametrize(
    ("file", "name"),
    [("mine.toml", "mine"), ("my study (1).toml", "my-study-1-"), ("étude.toml", "-tude"), ("...toml", "study")],
)
def test_a_study_without_a_name_is_called_after_its_file(tmp_path: Path, file: str, name: str) -> None:
    path = tmp_path / file
    path.write_text(SMALLEST)
    assert load(path, inspect=inspect).config.study.name == name


def test_a_shipped_study_is_read_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    loaded = load("digits", inspect=inspect, shipped={"digits": SMALLEST})
    assert (loaded.source, loaded.config.study.name) == ("digits.toml", "digits")


def test_a_file_comes_before_a_shipped_study_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits").write_text("[study]\nseed = 7")
    assert load("digits", inspect=inspect, shipped={"digits": SMALLEST}).config.study.seed == 7


def test_a_byte_of_a_pipe_is_as_good_as_a_byte_of_a_file(tmp_path: Path) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(SMALLEST,))
    writer.start()
    assert load(pipe, inspect=inspect).config.data.name == "digits"
    writer.join()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('[data]\npath = "/x"', "study.toml:2: data.path: has no effect on the digits, which come with scikit-learn"),
        ("[data]\nimage_size = 32", "study.toml:2: data.image_size: has no effect on the digits"),
        ("[recipe]\nflip = true", "study.toml:2: recipe.flip = true: a mirrored digit is no digit"),
        ('[recipe]\noptimizer = "adamw"\nmomentum = 0.8', "study.toml:3: recipe.momentum: has no effect on adamw"),
        (
            "[recipe]\nepochs = 4\nwarmup_epochs = 3\ndecay_share = 0.5",
            "study.toml:3: recipe.warmup_epochs = 3.0: the decay over the last 2 of 4 epochs begins before",
        ),
        (
            "[budget]\ngpu_hours = 12",
            "study.toml:2: budget.gpu_hours = 12.0: has no effect, because no trial has a GPU; resources",
        ),
        (
            '[tracking]\nenabled = false\nuri = "http://a"',
            "study.toml:2: tracking.enabled = false: nothing is tracked, so the other settings have no effect",
        ),
        (
            '[tracking]\nenabled = false\nregister = "digits"',
            "study.toml:2: tracking.enabled = false: nothing is tracked, so the other settings have no effect",
        ),
    ],
)
def test_a_setting_without_effect_is_a_warning(read: Read, text: str, warning: str) -> None:
    (found,) = read(text).warnings
    assert warning in found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90.0), ("30min", 1800.0), ("2 h", 7200.0), (" 1.5 h ", 5400.0), ("1 d", 86_400.0), ("0.5 s", 0.5)],
)
def test_a_wall_time_is_read_with_its_unit(read: Read, text: str, seconds: float) -> None:
    assert read(f'[budget]\nwall_time = "{text}"').config.budget.wall_time_s == seconds


def test_criteria_to_stop_combine_and_are_off_by_default(read: Read) -> None:
    assert (Budget().wall_time_s, Budget().gpu_hours, Budget().patience) == (math.inf, 0.0, 0)
    budget = '[budget]\nwall_time = "2 h"\ngpu_hours = 8\npatience = 50\n[resources]\ngpus_per_worker = 1'
    loaded = read(budget, 'budget.wall_time=""')
    assert loaded.config.budget == Budget(gpu_hours=8.0, patience=50)
    assert loaded.warnings == ()


def test_what_a_machine_is_fast_enough_for_ends_no_reproducible_study(read: Read) -> None:
    reproducible = "[study]\nreproducible = true\n[resources]\nmax_concurrent_trials = 2\n[budget]\n"
    assert read(reproducible + "patience = 5").config.budget.patience == 5
    with pytest.raises(ConfigError, match=r"budget.wall_time = \"2 h\": ends a study by the speed of its machines"):
        read(reproducible + 'wall_time = "2 h"')


@pytest.mark.parametrize(
    "uri", ["http://a:5000", "sqlite:///mlflow.db", "mlruns", "file:///a", "postgresql+psycopg2://h/d"]
)
def test_addresses_that_mlflow_knows_are_accepted(read: Read, uri: str) -> None:
    assert read(f'[tracking]\nuri = "{uri}"').config.tracking.uri == uri


def test_the_digits_study_searches_three_families_with_two_dozen_trials_or_more() -> None:
    config = load("digits", inspect=inspect, shipped={"digits": studies.read("digits")}).config
    assert len(config.space.families) == 3
    assert config.budget.trials >= 24


def test_an_unknown_shipped_study_is_refused() -> None:
    with pytest.raises(ValueError, match="no shipped study 'x'; there are cifar10, "):
        studies.read("x")
