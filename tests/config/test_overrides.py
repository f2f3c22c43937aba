from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from orchestrator.config.overrides import parse
from orchestrator.objectives import Constraint
from tests.config.conftest import Problems, Read

STUDY = '[data]\nname = "digits"\n[recipe]\nepochs = 5\n'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("recipe.epochs=3", 3),
        ("recipe.epochs = 3", 3),
        ("recipe.learning_rate=1e-3", 1e-3),
        ("recipe.flip=true", True),
        ("recipe.optimizer=adamw", "adamw"),
        ('recipe.optimizer="adamw"', "adamw"),
        ("constraints.num_parameters=<= 100k", "<= 100k"),
        ('constraints.num_parameters="<= 100k"', "<= 100k"),
        ("space.densenet.bn_size=[0,4]", [0, 4]),
        ("space.densenet.growth_rate={low=1, high=2}", {"low": 1, "high": 2}),
        ("tracking.uri=http://a/?b=c", "http://a/?b=c"),
        ("study.name=1979-05-27", date(1979, 5, 27)),
        ("study.name=", ""),
        ("study.name=a\nb = 2", "a\nb = 2"),
        ("study.name=1\nb = 2", "1\nb = 2"),
        ("study.name=1 # b", 1),
    ],
)
def test_a_value_is_toml_where_it_can_be_read_as_toml_and_text_elsewhere(text: str, value: Any) -> None:
    assert parse(text).value == value


@pytest.mark.parametrize("text", ["", "x", "=3", ".a=3", "a..b=3", "a b=3", '"a"=3', "\udcff=1"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be KEY=VALUE, such as recipe\.epochs=3"):
        parse(text)


def test_an_override_takes_the_place_of_what_the_file_says(read: Read) -> None:
    loaded = read(STUDY, "recipe.epochs=7", "constraints.num_parameters=<= 100k", "space.resnet.block=basic")
    assert loaded.config.recipe.epochs == 7
    assert loaded.config.constraints == (Constraint(name="num_parameters", bound=100_000),)
    assert [one.family for one in loaded.config.space.families] == ["resnet"]


def test_the_last_of_equal_overrides_holds(read: Read) -> None:
    assert read(STUDY, "recipe.epochs=7", "recipe.epochs=8").config.recipe.epochs == 8


def test_a_problem_of_an_override_names_the_override(problems: Problems) -> None:
    assert problems(STUDY, "recipe.epochs=0") == ("--set recipe.epochs=0: must be at least 1",)


def test_bytes_that_are_no_text_are_refused_where_a_word_is_expected(problems: Problems) -> None:
    (problem,) = problems(STUDY, "latency.runtime=f\udcffolded")
    assert problem.endswith(": must be text in UTF-8")


def test_a_problem_within_an_override_names_the_key_too(problems: Problems) -> None:
    assert problems(STUDY, "space.densenet.bn_size=[0,4,4]") == (
        "--set space.densenet.bn_size=[0,4,4]: space.densenet.bn_size[2] = 4: is listed twice; keep one",
    )


def test_an_override_can_replace_what_is_wrong_in_the_file(read: Read) -> None:
    assert read('[recipe]\nepochs = "many"', "recipe.epochs=3").config.recipe.epochs == 3


def test_a_key_below_a_value_is_refused(problems: Problems) -> None:
    assert problems(STUDY, "recipe.epochs.x=3") == (
        "--set recipe.epochs.x=3: recipe.epochs is a value and has no keys of its own",
    )


def test_a_secret_in_an_override_is_not_repeated(problems: Problems) -> None:
    (found,) = problems(STUDY, "tracking.password=hunter2")
    assert found.startswith("--set tracking.password=...: a secret has no place")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "override",
    [
        "tracking.uri=http://me:hunter2@host",
        "tracking.uri=http://host/?token=hunter2",
        "tracking.url=http://me:hunter2@host",
        'tracking={password = "hunter2"}',
        'tracking=[{password = "hunter2"}]',
        'tracking={uri = "http://me:hunter2@host"}',
        'password = "hunter2"',
    ],
)
def test_a_secret_within_an_override_is_not_repeated(problems: Problems, override: str) -> None:
    assert "hunter2" not in "\n".join(problems(STUDY, override))
