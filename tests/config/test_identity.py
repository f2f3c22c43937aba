from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import studies
from orchestrator.config.identity import config_hash, differences, from_frozen, frozen_settings
from orchestrator.config.loading import load
from orchestrator.config.settings import Budget, EngineName, Resources, SearchConfig, Tracking
from orchestrator.data.catalog import inspect
from orchestrator.errors import StudyError
from tests.config.study_files import configs


def _digits(*overrides: str) -> SearchConfig:
    return load("digits", overrides, inspect=inspect, shipped={"digits": studies.read("digits")}).config


def _read_back(frozen: dict[str, Any], config: SearchConfig) -> SearchConfig:
    return from_frozen(
        frozen,
        name=config.study.name,
        budget=config.budget,
        resources=config.resources,
        tracking=config.tracking,
    )


@given(configs())
def test_a_config_comes_back_exactly_from_what_is_stored_of_it(config: SearchConfig) -> None:
    stored = json.loads(json.dumps(frozen_settings(config), sort_keys=True, allow_nan=False))
    back = _read_back(stored, config)
    assert back == config
    assert repr(back.space.families[0].parameters) == repr(config.space.families[0].parameters)
    assert config_hash(frozen_settings(back)) == config_hash(frozen_settings(config))


@given(configs(), configs())
def test_there_are_differences_exactly_where_hashes_differ(one: SearchConfig, other: SearchConfig) -> None:
    old, new = frozen_settings(one), frozen_settings(other)
    assert bool(differences(old, new)) == (config_hash(old) != config_hash(new))
    assert not differences(old, old)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("recipe.epochs=20", "recipe.epochs: 16 -> 20"),
        ("recipe.optimizer=adamw", 'recipe.optimizer: "sgd" -> "adamw"'),
        ("study.seed=1", "study.seed: 0 -> 1"),
        ("study.scheduler=asha", 'study.scheduler: "front" -> "asha"'),
        ("data.test_share=0.3", "data.test_share: 0.2 -> 0.3"),
        ("latency.num_threads=2", "latency.num_threads: 1 -> 2"),
        ("resources.workers_per_trial=2", "resources.workers_per_trial: 1 -> 2"),
        ("constraints.num_parameters=<= 100k", "constraints.num_parameters: <= 250,000 -> <= 100,000"),
        ("constraints.latency_ms=<= 2.5 ms", "constraints.latency_ms: none -> <= 2.5"),
        ("objectives.minimize=[]", "objectives.latency_ms: minimize -> none"),
        ("space.densenet.bn_size=[0,4]", "space.densenet.bn_size: one of 0, 2, 4 -> one of 0, 4"),
        ("space.densenet.bn_size=4", "space.densenet.bn_size: one of 0, 2, 4 -> 4"),
        ("space.densenet.num_init_features={low=8,high=32,step=8}", "num_init_features: 8..24 step 8 -> 8..32 step 8"),
        ("space.resnet.block=basic", "space.resnet.block: one of basic, bottleneck -> "),
    ],
)
def test_a_difference_says_name_old_and_new(override: str, line: str) -> None:
    lines = differences(frozen_settings(_digits()), frozen_settings(_digits(override)))
    assert line in "\n".join(lines)


def test_a_family_that_is_left_out_is_a_difference() -> None:
    old = frozen_settings(_digits())
    new = {**old, "space": old["space"][1:]}
    assert "space.densenet: searched -> none" in differences(old, new)


def test_an_order_that_changed_is_a_difference() -> None:
    old = frozen_settings(_digits())
    new = {**old, "objectives": old["objectives"][::-1]}
    assert differences(old, new) == ["the order of families, axes, objectives or constraints is another"]


def test_what_is_free_is_not_frozen() -> None:
    config = _digits()
    other = dataclasses.replace(
        config,
        study=dataclasses.replace(config.study, name="another"),
        budget=Budget(trials=99, wall_time="2 h", gpu_hours=8.0, patience=50, max_failed_share=0.1),
        resources=Resources(engine=EngineName.GROUP, max_concurrent_trials=3, max_attempts=9, cpus_per_worker=2),
        tracking=Tracking(enabled=False, uri="http://a", experiment="b"),
    )
    assert frozen_settings(other) == frozen_settings(config)


def test_equal_studies_have_one_hash_however_they_are_written() -> None:
    frozen = frozen_settings(_digits())
    assert config_hash(dict(reversed(frozen.items()))) == config_hash(frozen)
    assert len(config_hash(frozen)) == 64


@given(configs(), st.data())
def test_stored_settings_that_are_damaged_are_refused(config: SearchConfig, data: st.DataObject) -> None:
    frozen = frozen_settings(config)
    name = data.draw(st.sampled_from(sorted(frozen)))
    frozen[name] = data.draw(st.sampled_from([None, 7, "x", {"unknown": 1}, [1]]))
    with pytest.raises(StudyError):
        _read_back(frozen, config)


def test_settings_of_a_newer_archfront_are_refused() -> None:
    frozen = {**frozen_settings(_digits()), "schema_version": 2}
    with pytest.raises(StudyError, match="this archfront reads 1"):
        from_frozen(frozen, name="digits")


def test_a_setting_that_was_added_later_has_its_default() -> None:
    frozen = frozen_settings(_digits())
    del frozen["recipe"]["flip"]
    assert from_frozen(frozen, name="digits").recipe == _digits().recipe
