from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from orchestrator import pareto
from orchestrator.suggest.history import MAX_MODELLED, History, Observation


def observations(count: int, *, seed: int = 0) -> list[Observation]:
    rng = random.Random(seed)
    return [
        Observation(
            trial=trial, row=trial, error=round(rng.random(), 2), epoch_s=1.0, objectives=(rng.random(), rng.random())
        )
        for trial in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 20, MAX_MODELLED, 150, 400])
def test_what_is_modelled_does_not_depend_on_the_order_of_arrival(count: int) -> None:
    given = observations(count)
    expected = _history(given).modelled()
    for seed in range(3):
        shuffled = random.Random(seed).sample(given, count)
        assert _history(shuffled).modelled() == expected
    assert len(expected) == min(count, MAX_MODELLED)
    assert [one.trial for one in expected] == sorted(one.trial for one in expected)


def test_the_front_is_always_modelled() -> None:
    given = observations(500)
    best = Observation(trial=500, row=500, error=0.0, epoch_s=1.0, objectives=(0.0, 0.0))
    assert best in _history([*given, best]).modelled()


@pytest.mark.parametrize("seed", range(5))
def test_of_a_small_front_everyone_is_modelled_equal_ones_too(seed: int) -> None:
    rng = random.Random(seed)
    given = [
        replace(one, error=rng.randrange(8) / 10, objectives=(rng.randrange(8) / 10, rng.randrange(8) / 10))
        for one in observations(400)
    ]
    stays = pareto.non_dominated(np.array([[one.error, *one.objectives] for one in given]))
    modelled = _history(given).modelled()
    assert 0 < stays.sum() <= 64
    assert all(one in modelled for one, is_on in zip(given, stays, strict=True) if is_on)


def _history(given: list[Observation]) -> History:
    history = History()
    for one in given:
        history.add(one)
    return history
