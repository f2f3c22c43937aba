from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.loading import load
from orchestrator.data.catalog import inspect
from orchestrator.errors import BadInputError
from tests.simulation import STUDY

WARM = STUDY.replace('name = "simulated"', 'name = "simulated"\nwarm_start = {value}')


def read(folder: Path, value: str) -> tuple[str, ...]:
    path = folder / "study.toml"
    path.write_text(WARM.replace("{value}", value))
    return load(path, (), inspect=inspect).config.study.warm_start


def test_a_list_of_a_study_file_is_a_tuple_of_its_settings(tmp_path: Path) -> None:
    assert read(tmp_path, '["runs/a", "runs/b"]') == ("runs/a", "runs/b")
    assert read(tmp_path, "[]") == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [('"runs/a"', 'study.warm_start = "runs/a": must be a list'), ("[3]", "must be text"), ("7", "must be a list")],
)
def test_what_is_no_list_of_texts_is_refused_in_words(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        read(tmp_path, value)
    assert message in str(refusal.value.message)


def test_a_number_in_place_of_a_list_setting_and_a_list_in_place_of_a_number_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace("epochs = 8", "epochs = [8]"))
    with pytest.raises(BadInputError, match="must be a whole number"):
        load(path, (), inspect=inspect)
