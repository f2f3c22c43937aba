"""What Ray says of a worker's end, in words."""

from __future__ import annotations

import pytest

from orchestrator.schedule.scheduler import is_out_of_memory, told

OUT_OF_MEMORY = """The actor died unexpectedly before finishing this task.
\tclass_name: ImplicitFunc
The actor is dead because its worker process has died. Worker exit type: NODE_OUT_OF_MEMORY Worker exit detail: \
Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1, ID: 38) where the task was running was 30.10GB / 31.00GB (0.97)."""


@pytest.mark.parametrize(
    ("error", "of_memory", "words"),
    [
        (None, False, "its process ended"),
        ("", False, "its process ended"),
        (RuntimeError("one\ntwo"), False, "one"),
        (RuntimeError("x" * 10_000), False, "x" * 200),
        (RuntimeError(OUT_OF_MEMORY), True, "Task was killed due to the node running low on memory."),
        ("OutOfMemoryError", True, "its node ran out of memory"),
    ],
)
def test_an_end_is_told_in_one_line_and_memory_is_known(error: object, of_memory: bool, words: str) -> None:
    assert is_out_of_memory(error) is of_memory
    assert words in told(error)
    assert len(told(error)) <= 300
    assert "\n" not in told(error)
