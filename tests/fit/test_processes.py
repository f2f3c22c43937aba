"""What is made of several ranks' endings; the pipes are real, the processes have ended before."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

import pytest

from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError
from orchestrator.fit import processes
from orchestrator.fit.processes import check_devices
from orchestrator.records import EpochReport

REPORT = EpochReport(epoch=1, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=1.0)
STOPPED = InterruptedStudyError("interrupted")
FAILED = ArchfrontError("loss nan at step 3", hint="a lower rate")


@dataclass
class EndedProcess:
    name: str
    exitcode: int

    def join(self) -> None: ...


def followed(*ranks: list[Any], exit_code: int = 0) -> tuple[Any, list[Any]]:
    """What follows from what each rank said before it ended."""
    told: list[Any] = []
    heard = {}
    for rank, messages in enumerate(ranks):
        reading, writing = Pipe(duplex=False)
        for message in messages:
            writing.send(message)
        writing.close()
        heard[reading] = EndedProcess(name=f"rank {rank}", exitcode=exit_code)
    return processes._followed(heard, told.append), told  # type: ignore[arg-type]


def test_reports_are_passed_on_in_order() -> None:
    outcome, told = followed([REPORT, REPORT, STOPPED], [STOPPED])
    assert told == [REPORT, REPORT]
    assert type(outcome) is InterruptedStudyError


def test_an_interruption_of_one_rank_waits_for_the_first_ranks_checkpoint() -> None:
    assert str(followed([REPORT, STOPPED], [STOPPED])[0]) == "interrupted"


def test_an_error_keeps_its_message_and_its_hint_on_the_way() -> None:
    outcome, _ = followed([FAILED], [FAILED])
    assert (outcome.message, outcome.hint, outcome.exit_code) == (FAILED.message, FAILED.hint, 1)


def test_a_death_explains_the_failures_of_the_others() -> None:
    outcome, _ = followed([FAILED], [], exit_code=-9)
    assert "the process of rank 1 died of SIGKILL, as the system does where memory is short" in outcome.message
    assert outcome.exit_code == 4


def test_a_process_that_ends_without_a_word_is_named_with_its_code() -> None:
    assert "rank 0 died with exit code 1" in followed([], [STOPPED], exit_code=1)[0].message


def test_a_rank_that_hangs_after_anothers_failure_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE_S", 0.05)
    reading, writing = Pipe(duplex=False)
    hanging, kept_open = Pipe(duplex=False)
    writing.send(FAILED)
    ranks = {reading: EndedProcess("rank 0", 0), hanging: EndedProcess("rank 1", 0)}
    outcome = processes._followed(ranks, lambda _report: None)  # type: ignore[arg-type]
    assert isinstance(outcome, ArchfrontError)
    assert outcome.message == FAILED.message
    kept_open.close()


def test_more_workers_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 2)
    check_devices(2)
    with pytest.raises(BadInputError, match="this machine has 2") as caught:
        check_devices(3)
    assert "--workers 2" in caught.value.hint
