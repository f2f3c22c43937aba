"""``archfront init``: a study file that is valid, complete, and says what each key means."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from orchestrator.config.loading import load
from orchestrator.config.schema import json_schema
from orchestrator.config.settings import SearchConfig
from orchestrator.config.tables import SETTINGS
from orchestrator.config.template import study_template
from orchestrator.data.catalog import DIGITS_TASK, inspect
from search_spaces.registry import usable_families

TEMPLATE = study_template("study.toml", "study.schema.json", task=DIGITS_TASK)
KEY = re.compile(r"^#(\w+) = (.*)$", re.MULTILINE)


def read(folder: Path, text: str) -> SearchConfig:
    path = folder / "study.toml"
    path.write_text(text)
    return load(path, inspect=inspect).config


def tables() -> dict[str, str]:
    """The text of each table, by its name."""
    found = re.split(r"^\[([\w.]+)\]$", TEMPLATE, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_it_is_valid_as_it_stands_and_says_where_its_schema_is(tmp_path: Path) -> None:
    config = read(tmp_path, TEMPLATE)
    assert config.data.name == "digits"
    assert TEMPLATE.startswith("#:schema study.schema.json\n")
    assert max(map(len, TEMPLATE.splitlines())) <= 120


def test_the_name_that_it_offers_is_one_that_a_study_may_have(tmp_path: Path) -> None:
    offered = study_template("my first study.toml", "x.json", task=DIGITS_TASK).replace("#name = ", "name = ")
    assert read(tmp_path, offered).study.name == "my-first-study"


def test_every_table_and_key_is_there() -> None:
    written = tables()
    schema = json_schema()["properties"]
    for name in SETTINGS:
        keys = {*schema[name]["properties"]}
        assert {match[1] for match in KEY.finditer(written[name])} | {*tomllib.loads(written[name])} == keys
    for family in usable_families():
        for axis in family.axes:
            assert f"# {axis}: " in written[f"space.{family.name}"]


@pytest.mark.parametrize("table", [*SETTINGS, "objectives", "constraints"])
def test_every_key_says_what_it_means(table: str) -> None:
    lines = tables()[table].splitlines()
    for key in json_schema()["properties"][table]["properties"]:
        words = [line for line in lines if line.startswith(f"# {key}: ")]
        assert words, key
        assert len(words[0]) > len(f"# {key}: ") + 5, f"[{table}] {key} has no words: give it some in its docstring"


@pytest.mark.parametrize("table", sorted(SETTINGS))
def test_what_is_shown_is_the_default(table: str) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(SETTINGS[table])}
    defaults |= {"name": "study"} if table == "study" else {}  # of the file, where it is left out
    shown = tomllib.loads(KEY.sub(r"\1 = \2", tables()[table]))
    for key, value in shown.items():
        default = defaults[key]
        assert value == (list(default) if isinstance(default, tuple) else default), key


def test_each_key_is_valid_without_its_mark(tmp_path: Path) -> None:
    matches = list(KEY.finditer(TEMPLATE))
    assert len(matches) > 80
    for match in matches:
        text = TEMPLATE[: match.start()] + TEMPLATE[match.start() + 1 :]
        if not re.fullmatch(r"min_workers_per_trial|autoscale|depth|num_layers|\w+_\d", match[1]):  # not without others
            read(tmp_path, text)


def test_the_spaces_that_are_shown_are_the_default_ones(tmp_path: Path) -> None:
    config = read(tmp_path, TEMPLATE)
    fixed = ("block_config", "depths", "base_width", "widths")  # ways to say it that exclude the searched ones
    text = KEY.sub(lambda match: match[0] if match[1] in fixed else f"{match[1]} = {match[2]}", TEMPLATE)
    space = re.sub(r"\[study\](.|\n)*?(?=\[space)|\[objectives\](.|\n)*", "", text)
    assert read(tmp_path, f'{space}\n[data]\nname = "digits"\n').space == config.space
