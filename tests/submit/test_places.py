"""A job sees what is uploaded and what its nodes have: other paths are refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError, ConfigError
from orchestrator.submit.places import check_places, inspect_from_afar

TINY = "[budget]\ntrials = 3\n"


def config(folder: Path, text: str) -> SearchConfig:
    study = folder / "study.toml"
    study.write_text(text)
    return load(study, inspect=inspect_from_afar).config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[data]\nname = "folder"\npath = "images"\n', 'data.path = "images": is a folder of this machine'),
        ('[data]\nname = "cifar10"\nimage_size = 32\n', 'data.path = "data": is a folder of this machine'),
        ('[study]\nwarm_start = ["runs/digits"]\n', 'study.warm_start = "runs/digits": is a folder of this machine'),
        ('[tracking]\nuri = "sqlite:///mlflow.db"\n', "tracking.uri"),
    ],
)
def test_a_path_from_here_is_refused_with_a_way_out(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as refusal:
        check_places(config(tmp_path, text), None)
    assert "give" in refusal.value.hint


def test_a_storage_from_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match='--storage = "runs"'):
        check_places(config(tmp_path, TINY), "runs")


@pytest.mark.parametrize("storage", [None, "s3://bucket/runs", "gs://bucket/runs"])
def test_digits_on_an_object_store_need_nothing_of_the_nodes(tmp_path: Path, storage: str | None) -> None:
    assert check_places(config(tmp_path, TINY), storage) == []


def test_a_full_path_must_be_there_on_every_node(tmp_path: Path) -> None:
    text = '[data]\nname = "folder"\npath = "/only/on/the/cluster"\n'
    assert check_places(config(tmp_path, text), "/shared/runs") == [
        "data.path = /only/on/the/cluster must be there on every node",
        "--storage = /shared/runs must be there on every node",
    ]


def test_data_of_the_cluster_need_not_be_here_but_the_rest_is_checked(tmp_path: Path) -> None:
    text = '[data]\nname = "parquet"\npath = "s3://bucket/images"\n'
    assert config(tmp_path, text).data.path == "s3://bucket/images"
    with pytest.raises(ConfigError, match=r"recipe\.epochs"):
        config(tmp_path, f"{text}[recipe]\nepochs = 0\n")


def test_data_that_are_here_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(ConfigError, match=r"data\.path"):
        config(tmp_path, f'[data]\nname = "folder"\npath = "{tmp_path / "images"}"\n')
