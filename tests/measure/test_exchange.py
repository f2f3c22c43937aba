"""Files for a device of one's own come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup
from orchestrator.measure.exchange import Figures, Request, is_request
from orchestrator.measure.references import reference_architectures
from search_spaces.architecture import Architecture
from tests.measure.figures import CONDITIONS, latencies, latency
from tests.measure.spaces import DIGITS, default_space

SETUP = Setup(device="board", num_threads=2, runtime=Runtime.ONNXRUNTIME, input_shape=(1, 8, 8))


def networks(n: int = 4) -> tuple[Architecture, ...]:
    return reference_architectures(default_space(), DIGITS, seed=0, n=n)


def test_a_request_comes_back_as_it_was_written(tmp_path: Path) -> None:
    request = Request(setup=SETUP, architectures=networks(), reference_ms=0.4)
    request.write(tmp_path / "measure.json")
    assert Request.read(tmp_path / "measure.json") == request
    assert is_request(tmp_path / "measure.json")


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    figures = Figures(networks=tuple(zip(networks(), latencies(networks(), noise=0.1), strict=True)), reference_ms=0.4)
    figures.write(tmp_path / "figures.json")
    assert Figures.read(tmp_path / "figures.json") == figures
    assert not is_request(tmp_path / "figures.json")


def test_figures_under_different_conditions_make_no_file() -> None:
    first, second = networks(2)
    other = dataclasses.replace(CONDITIONS, torch_version="2.16.0")
    with pytest.raises(ValueError, match="same conditions"):
        Figures(networks=((first, latency(1.0)), (second, latency(1.0, other))), reference_ms=0.4)


def test_no_figures_make_no_file() -> None:
    with pytest.raises(ValueError, match="same conditions"):
        Figures(networks=(), reference_ms=0.4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "can't be read"),
        ("[]", "is no latency figures"),
        ('{"kind": "archfront latency figures", "schema_version": 99}', "schema_version = 99"),
        ('{"kind": "archfront latency figures", "schema_version": 1}', "can't be read"),
        ('{"kind": "archfront latency figures", "schema_version": 1, "conditions": 3, "figures": []}', "can't be read"),
    ],
)
def test_what_holds_no_figures_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "figures.json").write_text(content)
    with pytest.raises(BadInputError, match=message):
        Figures.read(tmp_path / "figures.json")


def test_an_unknown_runtime_of_a_request_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measure.json"
    Request(setup=SETUP, architectures=networks(1)).write(path)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "setup": {**fields["setup"], "runtime": "abacus"}}))
    with pytest.raises(BadInputError, match="abacus"):
        Request.read(path)
