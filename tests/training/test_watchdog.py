"""A worker in which nothing moves ends itself, and says where it stood."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from orchestrator.data.dataset import Dataset
from orchestrator.store.stacks import read_hang, stack_file
from orchestrator.training.loop import train
from orchestrator.training.watchdog import Patience, Watchdog
from tests.training.trials import RECIPE, TestContext, small_architecture

# How a family hangs; each is called in the forward pass of the fifth step.
_ASLEEP = "time.sleep(600)"
_LOCKED = "lock = threading.Lock(); lock.acquire(); lock.acquire()"
_HOLDING_THE_INTERPRETER = "ctypes.PyDLL(None).sleep(600)"

_PROGRAM = """
import ctypes, sys, threading, time
from pathlib import Path
from orchestrator.training import watchdog
from orchestrator.training.loop import train
from tests.training.trials import RECIPE, TestContext, small_architecture, small_dataset

build_model = watchdog.build_model
calls = 0

def hang(*_):
    global calls
    calls += 1
    if calls == 5:
        watched._limit_s = 0.5  # from here on: a machine that is busy is slow before
        watched._arm()
        {hang}

def hanging(architecture):
    model = build_model(architecture)
    model.register_forward_pre_hook(hang)
    return model

watchdog.build_model = hanging
context = TestContext(directory=Path(sys.argv[1]))
with watchdog.Watchdog(context, token="t1") as watched:
    train(small_architecture(), RECIPE, small_dataset(), watched, build=watched.build)
print("trained")
"""


@pytest.mark.parametrize("how", [_ASLEEP, _LOCKED, _HOLDING_THE_INTERPRETER], ids=["asleep", "locked", "in C"])
def test_a_worker_that_hangs_ends_and_leaves_the_place(tmp_path: Path, how: str) -> None:
    program = tmp_path / "family.py"
    program.write_text(textwrap.dedent(_PROGRAM.format(hang=how)))
    done = subprocess.run([sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "trained" not in done.stdout
    hang = read_hang(tmp_path, token="t1")
    assert hang is not None
    assert hang.place.startswith("hang (family.py:")
    assert "in train" in hang.file.read_text()
    assert read_hang(tmp_path, token="t2") is None


def test_a_training_under_guard_is_the_same_and_leaves_nothing(dataset: Dataset, tmp_path: Path) -> None:
    plain = TestContext(directory=tmp_path / "plain")
    train(small_architecture(), RECIPE, dataset, plain)
    guarded = TestContext(directory=tmp_path / "guarded")
    with Watchdog(guarded, token="t1") as watched:
        train(small_architecture(), RECIPE, dataset, watched, build=watched.build)
    weights = [context.directory / "model" / "model.safetensors" for context in (plain, guarded)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert [report.accuracy for report in plain.reports] == [report.accuracy for report in guarded.reports]
    assert list(guarded.directory.glob("stack-*")) == []


def test_every_batch_of_training_and_of_validation_is_a_sign_of_life(dataset: Dataset, tmp_path: Path) -> None:
    calls = []
    with Watchdog(TestContext(directory=tmp_path), token="t1") as watched:
        watched._live = lambda: calls.append(1)  # type: ignore[method-assign]
        model = watched.build(small_architecture()).eval()
        for _ in range(3):
            model(torch.zeros(2, 1, 8, 8))
        assert len(calls) == 3
        watched.stop_requested(0)
        assert len(calls) == 4


def test_nobody_is_hurried_while_the_driver_decides_or_storage_is_away(tmp_path: Path) -> None:
    code = """
    import sys, time
    from pathlib import Path
    from orchestrator.training.watchdog import Patience, Watchdog
    from tests.training.trials import TestContext
    context = TestContext(directory=Path(sys.argv[1]), after_report=lambda: time.sleep(1.5))
    with Watchdog(context, token="t1", patience=Patience(least_s=0.5, first_epoch_s=0.5)) as watched:
        watched.unhurried(lambda folder: time.sleep(1.5))(context.directory)
        watched.report(None)
    print("decided")
    """
    command = [sys.executable, "-c", textwrap.dedent(code).replace("report(None)", _A_REPORT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("decided\n", 0), done.stderr


_A_REPORT = (
    'report(__import__("orchestrator.records").records.'
    "EpochReport(epoch=1, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=1.0))"
)


@pytest.mark.parametrize(
    ("epochs_s", "limit_s"),
    [([], 600.0), ([0.1], 60.0), ([11.0, 12.0, 13.0], 60.0), ([100.0, 200.0, 9000.0], 1000.0)],
    ids=["none yet", "short", "at the least", "long"],
)
def test_patience_is_a_minute_or_five_epochs(epochs_s: list[float], limit_s: float) -> None:
    assert Patience().limit_s(epochs_s) == limit_s


def test_of_several_ranks_that_hang_the_first_is_told_and_empty_files_go(tmp_path: Path) -> None:
    for rank, text in enumerate(("", _DUMP.format(line=31), _DUMP.format(line=99))):
        stack_file(tmp_path, token="t1", rank=rank).write_text(text)
    hang = read_hang(tmp_path, token="t1")
    assert hang is not None
    assert (hang.place, hang.file.name) == ("forward (own_family.py:31)", "stack-t1-1.txt")
    assert not stack_file(tmp_path, token="t1", rank=0).exists()


@pytest.mark.parametrize("text", ["Timeout (0:01:00)!\n", "\xff\x00", "  File \n"])
def test_a_torn_stack_file_is_a_hang_at_an_unknown_place(tmp_path: Path, text: str) -> None:
    stack_file(tmp_path, token="t1", rank=0).write_text(text)
    hang = read_hang(tmp_path, token="t1")
    assert hang is not None
    assert hang.place == "an unknown place"


_DUMP = """Timeout (0:01:00)!
Thread 0x00007f5e (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
  File "/x/.venv/lib/python3.11/site-packages/ray/_private/worker.py", line 3 in listen

Thread 0x00007f5f (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/x/.venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1779 in _call_impl
  File "/x/.venv/lib/python3.11/site-packages/own_family.py", line {line} in forward
  File "/x/orchestrator/training/loop.py", line 130 in run
"""
