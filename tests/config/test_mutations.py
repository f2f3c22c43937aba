"""Whatever is written into a study file: it is a config, or every problem names a key."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.config.study_files import BASE, mutated_tables, to_toml

from orchestrator import studies
from orchestrator.config.identity import config_hash, from_frozen, frozen_settings
from orchestrator.config.loading import TABLES, Loaded, load
from orchestrator.config.problems import dotted
from orchestrator.config.schema import json_schema
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError

_CHEAP = settings(deadline=None, suppress_health_check=list(HealthCheck))


def _read(text: str, *overrides: str) -> Loaded:
    return load("study", overrides, inspect=inspect, shipped={"study": text})


def _check(tables: dict[str, Any], error: ConfigError) -> None:
    """Every problem names a place and a key."""
    assert error.problems
    names = tuple(dotted((name,)) for name in {*TABLES, *tables})
    for problem in error.problems if tables else ():
        assert problem.isprintable()
        match = re.match(r"study\.toml(:\d+)?: ", problem)
        assert match, problem
        assert problem[match.end() :].startswith(names), problem


@pytest.mark.timeout(280)
@settings(_CHEAP, max_examples=2000)
@given(mutated_tables())
@example({"space": {"densenet": {"growth_rate": {"low": 0.0, "high": 1e308, "step": 5e-324}}}})
@example({"space": {"resnet": {"groups": {"low": 1, "high": 2**62}}}})
@example({"constraints": {"num_parameters": "1e999"}})
def test_a_mutated_study_file_is_read_or_refused_key_by_key(tables: dict[str, Any]) -> None:
    try:
        loaded = _read(to_toml(tables))
    except ConfigError as error:
        _check(tables, error)
    else:
        frozen = frozen_settings(loaded.config)
        assert config_hash(frozen)
        assert from_frozen(
            frozen,
            name=loaded.config.study.name,
            budget=loaded.config.budget,
            resources=loaded.config.resources,
            tracking=loaded.config.tracking,
        ) == loaded.config
        # What is read without a problem, an editor must not underline.
        assert [one.message for one in _VALIDATOR.iter_errors(tables)] == []


_VALIDATOR = jsonschema.Draft7Validator(json_schema())


@settings(_CHEAP, max_examples=500)
@given(st.data())
def test_a_text_with_random_characters_is_read_or_refused(data: st.DataObject) -> None:
    text = studies.read("digits")
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text)))
        inserted = data.draw(st.text("[]{}=\"'\\#.,\n\t 0123456789eatru_-\0é", max_size=3))
        text = text[:at] + inserted + text[at + data.draw(st.integers(0, 3)) :]
    try:
        _read(text)
    except ConfigError as error:
        assert all(problem.startswith("study.toml") for problem in error.problems)


@settings(_CHEAP, max_examples=500)
@given(
    st.lists(
        st.text(max_size=12)
        | st.tuples(
            st.sampled_from(["recipe.epochs", "space.densenet.bn_size", "study", "a.b.c", "data.path", "recipe.epochs.x"]),
            st.sampled_from(["3", "[0,4]", "{}", "{low=1,high=3}", "true", "fast", "1979-05-27", "\udcff", "1\nx = 2", '"']),
        ).map("=".join),
        max_size=3,
    )
)
def test_random_overrides_are_applied_or_refused(overrides: list[str]) -> None:
    try:
        _read(to_toml(BASE), *overrides)
    except ConfigError as error:
        assert all("--set" in problem for problem in error.problems)
        assert "\n".join(error.problems).encode()
