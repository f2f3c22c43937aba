"""How an attempt ends that does not end well: a trial's failure is told, a storage's is not the trial's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from orchestrator.config.settings import DataSettings
from orchestrator.data.dataset import Dataset
from orchestrator.records import Cause, TrialState
from orchestrator.store.messages import Message, MessageKind, WorkerResult, read_result
from orchestrator.store.paths import StudyPaths
from orchestrator.training import attempt, tensor_file, watchdog
from orchestrator.training.attempt import keep_result, run_attempt
from orchestrator.training.work import StudyWork, TrialWork
from tests.training.trials import RECIPE, TestContext, small_architecture

WORK = TrialWork(trial=0, token="t1", architecture=small_architecture().to_dict())
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def study(tmp_path: Path) -> StudyWork:
    return StudyWork(root=tmp_path, seed=0, owner_epoch=1, data=DataSettings(), recipe=RECIPE, num_threads=1)


@pytest.fixture
def run(study: StudyWork, dataset: Dataset) -> Callable[[], Message]:
    """Runs an attempt on few images."""

    def once() -> Message:
        context = TestContext(directory=StudyPaths(study.root).trial(0).root)
        message = run_attempt(study, WORK, context, dataset=dataset)
        assert message is not None
        return message

    return once


class Faulty(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self._error = error

    def forward(self, _images_BCHW: Tensor) -> Tensor:
        raise self._error


def test_an_error_in_a_family_fails_its_trial_with_the_message_and_the_place(
    run: Callable[[], Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "build_model", lambda _architecture: Faulty(KeyError("no such stage")))
    result = run().result
    assert result is not None
    assert (result.state, result.cause) == (TrialState.FAILED, Cause.ERROR)
    assert result.message.startswith("KeyError: 'no such stage' (test_attempt.py:")


def test_the_place_of_an_error_inside_torch_is_the_line_that_called_it(
    run: Callable[[], Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_architecture: object) -> nn.Module:
        return nn.Linear(2, 3).load_state_dict({"weight": torch.zeros(1)}) and nn.Identity()

    monkeypatch.setattr(watchdog, "build_model", build)
    result = run().result
    assert result is not None
    assert "size mismatch" in result.message
    assert "(test_attempt.py:" in result.message


def test_a_message_of_megabytes_is_cut(run: Callable[[], Message], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "build_model", lambda _architecture: Faulty(ValueError("x" * 5_000_000)))
    result = run().result
    assert result is not None
    assert len(result.message) < 600
    assert "(test_attempt.py:" in result.message


def test_a_full_disk_interrupts_and_does_not_fail_the_trial(
    run: Callable[[], Message], study: StudyWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_tensors: Mapping[str, Tensor], _path: Path) -> None:
        raise FULL

    monkeypatch.setattr(tensor_file, "save_file", no_room)
    message = run()
    assert (message.kind, message.result) == (MessageKind.INTERRUPTED, None)
    assert "checkpoints/000004: can't be written: No space left on device (need " in message.detail


def test_a_result_that_can_not_be_kept_is_not_reported(study: StudyWork, monkeypatch: pytest.MonkeyPatch) -> None:
    result = WorkerResult(state=TrialState.COMPLETED, accuracy=0.9, loss=0.1)
    end = Message(trial=0, token="t1", kind=MessageKind.END, result=result)
    path = StudyPaths(study.root).trial(0).result
    path.parent.parent.write_text("a file where a folder should be")
    told = keep_result(study, WORK, end)
    assert told.kind is MessageKind.INTERRUPTED
    assert f"{path}: can't be written" in told.detail
    path.parent.parent.unlink()
    assert keep_result(study, WORK, end) == end
    assert read_result(path, token="t1") == result


def test_a_stop_is_asked_of_one_session_alone(study: StudyWork, tmp_path: Path) -> None:
    StudyPaths(tmp_path).stop_request(1).touch()
    assert attempt.StopSignal(study).check()
    assert not attempt.StopSignal(replace(study, owner_epoch=2)).check()
