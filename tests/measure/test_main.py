"""What goes over the pipes of the measuring process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.measure.conditions import Setup
from search_spaces.registry import get_architecture

ROOT = Path(__file__).resolve().parents[2]
NETWORK = get_architecture("densenet121", block_config=[1], in_channels=1, num_classes=10, stem="cifar")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    setup = json.dumps(Setup(input_shape=(1, 8, 8)).to_dict())
    command = [sys.executable, "-m", "orchestrator.measure", setup]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as started:
        yield started
        started.kill()


def ask(process: subprocess.Popen[str], request: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    fields: dict[str, Any] = json.loads(process.stdout.readline())
    return fields


def test_every_request_is_answered_by_one_line_and_an_end_of_input_ends_a_measurement(
    process: subprocess.Popen[str],
) -> None:
    ask(process, {"build": [NETWORK.to_dict()]})
    assert answer(process)["ready"]["num_threads"] == 1
    ask(process, {"go": {"time_limit_s": 0.2, "min_rounds": 1}})
    (estimate,) = answer(process)["estimates"]
    assert 0 < estimate["low_ms"] <= estimate["median_ms"] <= estimate["high_ms"]
    ask(process, {"go": {"time_limit_s": 600.0, "min_rounds": 1_000_000}})
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    assert process.stdout.read() == ""
