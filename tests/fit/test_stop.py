"""However ranks run ahead of each other, all of them end before the same step."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from torch import multiprocessing

from orchestrator.fit.stop import StopPoint

CONTEXT = multiprocessing.get_context("spawn")


@given(world_size=st.integers(1, 4), request_after=st.integers(0, 30), turns=st.randoms(use_true_random=False))
def test_all_ranks_end_before_the_same_step(world_size: int, request_after: int, turns: random.Random) -> None:
    stop = StopPoint(CONTEXT)
    next_steps, ended = [0] * world_size, [-1] * world_size
    for turn in range(400):
        if turn == request_after:
            stop.request()
        # A rank gets to step s when all have begun step s - 1: its exchange of gradients waits for them.
        slowest = min(next_steps)
        able = [rank for rank in range(world_size) if ended[rank] < 0 and next_steps[rank] <= slowest]
        if not able:
            break
        rank = turns.choice(able)
        if stop.is_reached(next_steps[rank], rank=rank, world_size=world_size):
            ended[rank] = next_steps[rank]
        next_steps[rank] += 1
    assert len(set(ended)) == 1
    assert ended[0] >= 0


def test_nobody_stops_unasked() -> None:
    stop = StopPoint(CONTEXT)
    assert not any(stop.is_reached(step, rank=rank, world_size=2) for step in range(9) for rank in (0, 1))


def test_a_rank_alone_ends_before_the_very_step_at_which_it_hears_of_it() -> None:
    stop = StopPoint(CONTEXT)
    assert not stop.is_reached(3, rank=0, world_size=1)
    stop.request()
    assert stop.is_reached(4, rank=0, world_size=1)
