"""Whatever is written into a study file: it is a config, or every problem names a key."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator import studies
from orchestrator.config.loading import TABLES, Loaded, load
from orchestrator.config.problems import dotted
from orchestrator.config.schema import json_schema
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError
from tests.config.study_files import BASE, mutated_tables, to_toml

_CHEAP = settings(suppress_health_check=list(HealthCheck))


def _read(text: str, *overrides: str) -> Loaded:
    return load("study", overrides, inspect=inspect, shipped={"study": text})


def _problems(text: str, *overrides: str) -> tuple[str, ...]:
    try:
        _read(text, *overrides)
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.timeout(280)
@settings(_CHEAP, max_examples=2000)
@given(mutated_tables())
@example({"space": {"densenet": {"growth_rate": {"low": 0.0, "high": 1e308, "step": 5e-324}}}})
@example({"space": {"resnet": {"groups": {"low": 1, "high": 2**62}}}})
@example({"constraints": {"num_parameters": "1e999"}})
def test_a_mutated_study_file_is_read_or_refused_key_by_key(tables: dict[str, Any]) -> None:
    names = tuple(dotted((name,)) for name in {*TABLES, *tables})
    for problem in _problems(to_toml(tables)) if tables else ():
        assert problem.isprintable()
        match = re.match(r"study\.toml(:\d+)?: ", problem)
        assert match, problem
        assert problem[match.end() :].startswith(names), problem


@settings(_CHEAP, max_examples=300)
@given(mutated_tables())
def test_what_is_read_without_a_problem_is_not_underlined_by_an_editor(tables: dict[str, Any]) -> None:
    if not _problems(to_toml(tables)):
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
    assert all(problem.startswith("study.toml") for problem in _problems(text))


@settings(_CHEAP, max_examples=500)
@given(
    st.lists(
        st.text(max_size=12)
        | st.tuples(
            st.sampled_from(["recipe.epochs", "space.densenet.bn_size", "study", "a.b.c", "data.path", "recipe.a.x"]),
            st.sampled_from(["3", "[0,4]", "{}", "{low=1}", "true", "fast", "1979-05-27", "\udcff", "1\nx = 2", '"']),
        ).map("=".join),
        max_size=3,
    )
)
def test_random_overrides_are_applied_or_refused(overrides: list[str]) -> None:
    problems = _problems(to_toml(BASE), *overrides)
    assert all("--set" in problem for problem in problems)
    assert all(problem.isprintable() for problem in problems)
