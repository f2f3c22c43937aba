"""What ``[latency]`` refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from tests.config.conftest import Read
from tests.simulation import STUDY, config_of


@pytest.mark.parametrize("device", ["cpu", "cuda", "kitchen-phone", "board_2.local"])
def test_a_device_is_a_word(tmp_path: Path, device: str) -> None:
    assert config_of(tmp_path, STUDY, f'latency.device="{device}"').latency.device == device


@pytest.mark.parametrize("device", ["", "two words", "board: Cortex", "../board"])
def test_a_device_that_is_no_word_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f'latency.device="{device}": must be cpu, cuda or a name')):
        config_of(tmp_path, STUDY, f'latency.device="{device}"')


def test_onnxruntime_is_not_measured_on_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="onnxruntime is measured on processors alone"):
        config_of(tmp_path, STUDY, 'latency.device="cuda"', 'latency.runtime="onnxruntime"')


def test_an_unknown_runtime_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"eager", "folded", "compiled", "onnxruntime"'):
        config_of(tmp_path, STUDY, 'latency.runtime="tensorrt"')


def test_a_batch_of_a_throughput_that_nobody_asks_for_warns(read: Read) -> None:
    (warning,) = read(f"{STUDY}[latency]\nthroughput_batch_size = 16\n").warnings
    assert "latency.throughput_batch_size = 16: has no effect" in warning
    asked = '[constraints]\nthroughput_per_s = ">= 100 /s"\n'
    assert read(f"{STUDY}[latency]\nthroughput_batch_size = 16\n{asked}").warnings == ()
