"""The measuring process, for real: it builds, times, answers, and never outlives its parent."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.measure.conditions import Setup, conditions_of
from orchestrator.measure.laboratory import Laboratory
from orchestrator.measure.references import reference_architectures
from search_spaces.architecture import Architecture
from search_spaces.costs import Layer
from tests.measure.spaces import DIGITS, default_space

ROOT = Path(__file__).resolve().parents[2]
SETUP = Setup(input_shape=(1, 8, 8))


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory.start(SETUP) as opened:
        yield opened


@dataclass(frozen=True, kw_only=True)
class UnknownArchitecture(Architecture):
    family: ClassVar[str] = "unheard_of"

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        return ()


def test_calibrating_gives_a_predictor_of_every_network_it_measured(laboratory: Laboratory) -> None:
    references = reference_architectures(default_space(), DIGITS, seed=0)
    predictor = laboratory.calibrate(references)
    assert predictor.num_references == len(references)
    assert all(predictor.predict_ms(one, DIGITS.image_size) > 0 for one in references)


def test_latencies_come_in_the_order_asked_for_and_say_their_conditions(laboratory: Laboratory) -> None:
    references = reference_architectures(default_space(), DIGITS, seed=0)
    cheap, *_, dear = sorted(references, key=lambda one: len(one.layers(8)))
    laboratory.prepare([cheap])
    first, second = laboratory.measure([dear, cheap])
    assert first.median_ms > second.median_ms
    assert first.conditions == second.conditions == conditions_of(SETUP)
    assert first.conditions.input_shape == (1, 8, 8)
    assert (first.conditions.runtime, first.conditions.num_threads) == ("folded", 1)
    assert first.conditions.device.startswith("cpu: ")


def test_the_same_networks_can_be_measured_again(laboratory: Laboratory) -> None:
    (network,) = reference_architectures(default_space(), DIGITS, seed=0, n=1)
    first, second = laboratory.measure([network]), laboratory.measure([network])
    assert first[0].conditions == second[0].conditions


def test_nothing_to_measure_needs_no_measurement(laboratory: Laboratory) -> None:
    assert laboratory.measure([]) == ()


def test_a_network_that_cannot_be_built_is_an_error_with_what_the_process_printed() -> None:
    with (
        Laboratory.start(dataclasses.replace(SETUP, runtime=Runtime.EAGER)) as opened,
        pytest.raises(ArchfrontError, match="unknown family 'unheard_of'"),
    ):
        opened.measure([UnknownArchitecture()])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_threads": 100_000}, r"latency\.num_threads = 100000: must be at most \d+"),
        ({"num_threads": 0}, r"latency\.num_threads = 0: must be at least 1"),
        ({"batch_size": 0}, r"latency\.batch_size = 0: must be at least 1"),
    ],
)
def test_a_machine_that_cannot_measure_so_is_not_asked_to(changes: dict[str, int], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        Laboratory.start(dataclasses.replace(SETUP, **changes))


def test_closing_ends_the_process_while_it_builds() -> None:
    before = set(psutil.Process().children())
    opened = Laboratory.start(SETUP)
    opened.prepare(reference_architectures(default_space(), DIGITS, seed=0))
    (process,) = set(psutil.Process().children()) - before
    opened.close()
    assert not process.is_running()


def test_the_process_ends_when_its_parent_is_killed() -> None:
    program = (
        "import time; from orchestrator.measure.conditions import Setup; "
        "from orchestrator.measure.laboratory import Laboratory; "
        "Laboratory.start(Setup(input_shape=(3, 32, 32))); print('started', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=30)


def test_the_parent_imports_no_torch() -> None:
    program = (
        "import sys, orchestrator.measure.laboratory, orchestrator.measure.references; "
        "sys.exit(bool({'torch', 'ray'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
