"""How the end of a job becomes an exit code and words; the job itself is in tests/integration/test_job.py."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import ArchfrontError
from orchestrator.submit.job import _check_program, _exit_code, _Log


def details(status: str, code: int | None = None, message: str = "") -> Any:
    from ray.job_submission import JobDetails

    fields = {"type": "SUBMISSION", "entrypoint": "python", "status": status}
    return JobDetails(**fields, driver_exit_code=code, message=message)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 1, 1),
        ("FAILED", 2, 2),
        ("FAILED", 3, 3),
        ("FAILED", 4, 4),
        ("FAILED", 137, 1),
        ("FAILED", -9, 1),
        ("STOPPED", None, 4),
        ("STOPPED", -15, 4),
    ],
)
def test_a_study_ends_with_its_own_code_and_a_stopped_one_is_resumable(
    status: str, code: int | None, expected: int
) -> None:
    assert _exit_code(details(status, code)) == expected


def test_nodes_without_archfront_are_told_as_such() -> None:
    with pytest.raises(ArchfrontError, match="archfront is not installed") as error:
        _check_program("s-1", details("FAILED", 1, "python: No module named orchestrator"))
    assert "every node" in error.value.hint


def test_a_job_that_never_began_says_why() -> None:
    with pytest.raises(ArchfrontError, match="job s-1 could not be started: no room"):
        _check_program("s-1", details("FAILED", None, "no room"))


def test_a_study_that_failed_has_said_why_itself() -> None:
    _check_program("s-1", details("FAILED", 2, "Job entrypoint command failed with exit code 2"))


def test_a_log_that_begins_anew_is_written_once() -> None:
    written: list[str] = []
    log = _Log(written.append)
    for connection in (["one\n", "two\n"], ["one\ntw"], ["one", "\ntwo\nthr", "ee\n"]):
        log.rewind()
        for text in connection:
            log.take(text)
    assert "".join(written) == "one\ntwo\nthree\n"
