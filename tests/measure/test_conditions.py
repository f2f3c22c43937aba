"""What a figure's conditions are, and when two are the same."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from orchestrator.config.runtimes import Runtime
from orchestrator.config.settings import LatencySettings
from orchestrator.measure.conditions import (
    Setup,
    answers,
    conditions_from_dict,
    conditions_of,
    is_same_but_versions,
)
from tests.measure.figures import CONDITIONS
from tests.measure.spaces import DIGITS

SETUP = Setup(input_shape=(1, 8, 8))
BOARD = Setup(input_shape=(1, 8, 8), device="board")
CHANGES = {
    "device": "board: Cortex-A53",
    "num_threads": 2,
    "batch_size": 8,
    "input_shape": (3, 8, 8),
    "dtype": "bfloat16",
    "runtime": "onnxruntime",
}


def test_conditions_name_device_cores_threads_type_batch_shape_runtime_and_version() -> None:
    found = conditions_of(dataclasses.replace(SETUP, batch_size=4, runtime=Runtime.EAGER))
    assert found.device.startswith("cpu: ")
    assert found.num_cores == len(os.sched_getaffinity(0))
    assert (found.num_threads, found.dtype, found.batch_size) == (1, "float32", 4)
    assert (found.input_shape, found.runtime) == ((1, 8, 8), "eager")
    assert found.torch_version


def test_a_study_asks_for_what_its_settings_say() -> None:
    settings = LatencySettings(device="board", batch_size=2, num_threads=3, runtime=Runtime.COMPILED)
    assert Setup.of(settings, DIGITS) == Setup(
        device="board", batch_size=2, num_threads=3, runtime=Runtime.COMPILED, input_shape=(1, 8, 8)
    )


def test_setups_and_conditions_are_the_same_after_a_round_trip_through_json() -> None:
    assert Setup.from_dict(json.loads(json.dumps(BOARD.to_dict()))) == BOARD
    assert conditions_from_dict(json.loads(json.dumps(dataclasses.asdict(CONDITIONS)))) == CONDITIONS


def test_conditions_of_an_older_archfront_are_read() -> None:
    fields = dataclasses.asdict(CONDITIONS)
    del fields["num_cores"], fields["onnxruntime_version"]
    assert conditions_from_dict(fields).num_cores == 0


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_any_condition_makes_figures_incomparable(name: str) -> None:
    other = dataclasses.replace(CONDITIONS, **{name: CHANGES[name]})
    assert not is_same_but_versions(CONDITIONS, other)
    assert other != CONDITIONS


def test_a_renewed_version_is_the_same_device_and_yet_another_condition() -> None:
    renewed = dataclasses.replace(CONDITIONS, torch_version="2.16.0")
    assert is_same_but_versions(CONDITIONS, renewed)
    assert renewed != CONDITIONS


def test_figures_of_this_machine_answer_only_under_todays_conditions() -> None:
    here = conditions_of(SETUP)
    assert answers(here, SETUP)
    assert not answers(dataclasses.replace(here, torch_version="1.0"), SETUP)
    assert not answers(here, dataclasses.replace(SETUP, num_threads=2))


def test_figures_of_a_device_of_ones_own_answer_by_its_name() -> None:
    assert answers(CONDITIONS, BOARD)
    assert not answers(CONDITIONS, dataclasses.replace(BOARD, device="phone"))
    assert not answers(CONDITIONS, dataclasses.replace(BOARD, batch_size=2))
    assert not answers(CONDITIONS, SETUP)
