"""What Ray says of a worker's end, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.schedule.scheduler import is_out_of_memory, told, written_error

OUT_OF_MEMORY = """The actor died unexpectedly before finishing this task.
\tclass_name: ImplicitFunc
The actor is dead because its worker process has died. Worker exit type: NODE_OUT_OF_MEMORY Worker exit detail: \
Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1, ID: 38) where the task was running was 30.10GB / 31.00GB (0.97)."""

DIED = """The actor died unexpectedly before finishing this task.
\tclass_name: ImplicitFunc
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker \
unexpectedly exits with a connection error code 2. (1) The process is killed by the OOM killer."""
RAISED = """ray::ImplicitFunc.train() (pid=7)
Traceback (most recent call last):
  File "sharing.py", line 3, in study_dataset
KeyError: 'shared'
"""


@pytest.mark.parametrize(
    ("error", "of_memory", "words"),
    [
        (None, False, "its process ended"),
        ("", False, "its process ended"),
        (RuntimeError("one\ntwo"), False, "one"),
        (RuntimeError("x" * 10_000), False, "x" * 200),
        (RuntimeError(OUT_OF_MEMORY), True, "Task was killed due to the node running low on memory."),
        ("OutOfMemoryError", True, "its node ran out of memory"),
        (DIED, False, "The actor is dead because its worker process has died."),
        (RAISED, False, "KeyError: 'shared'"),
    ],
)
def test_an_end_is_told_in_one_line_and_memory_is_known(error: object, of_memory: bool, words: str) -> None:
    assert is_out_of_memory(error) is of_memory
    assert words in told(error)
    assert len(told(error)) <= 300
    assert "\n" not in told(error)


class WrittenError:
    """What the scheduler reads of Tune's trial."""

    def __init__(self, error_file: str | None) -> None:
        self.error_file = error_file


def test_what_tune_wrote_of_an_error_is_read_where_tune_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "error.txt"
    file.write_text(f"Failure # 1 (occurred at 2026-11-22)\n{DIED}\n")
    assert written_error(WrittenError(str(file))) == f"{DIED}\n"
    assert written_error(WrittenError(None)) == ""
    assert written_error(WrittenError(str(tmp_path / "absent"))) == ""
