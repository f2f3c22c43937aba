import threading
from collections.abc import Callable

import pytest

from orchestrator.training.ahead import NUM_AHEAD, Ahead


def reader(read: list[int]) -> Callable[[int], int]:
    def read_step(step: int) -> int:
        if step == 13:
            raise OSError("shard 13 can't be read")
        read.append(step)
        return step * step

    return read_step


def test_any_step_may_be_asked_for_in_any_order() -> None:
    ahead = Ahead(reader([]), num_steps=100)
    assert [ahead(step) for step in (0, 1, 2, 50, 51, 3, 3)] == [0, 1, 4, 2500, 2601, 9, 9]


def test_the_next_steps_are_read_while_one_is_used() -> None:
    has_read = threading.Event()

    def read(step: int) -> int:
        if step == NUM_AHEAD:
            has_read.set()
        return step

    Ahead(read, num_steps=100)(0)
    assert has_read.wait(timeout=10)


def test_no_step_is_read_twice_in_a_row_of_them() -> None:
    read: list[int] = []
    ahead = Ahead(reader(read), num_steps=6)
    for step in range(6):
        ahead(step)
    assert read == list(range(6))


def test_what_fails_to_read_fails_where_it_is_used() -> None:
    ahead = Ahead(reader([]), num_steps=100)
    assert ahead(12) == 144
    with pytest.raises(OSError, match="shard 13"):
        ahead(13)
    assert ahead(14) == 196
