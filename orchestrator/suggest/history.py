"""What a sampler has seen, kept so that a suggestion after ten thousand trials costs no more than after a hundred.

Everything here is a function of the set of observations, whatever order they came in.
"""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass

import numpy as np

from orchestrator import pareto

MAX_MODELLED = 128
"""Observations that a surrogate is conditioned on."""

_MAX_FRONT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """A network whose error is known, or was predicted when it was stopped.

    Attributes:
        trial: its number.
        row: of the network in the sampler's list.
        epoch_s: seconds that an epoch took; None where they were not recorded.
        objectives: its cost objectives, scaled.
    """

    trial: int
    row: int
    error: float
    epoch_s: float | None
    objectives: tuple[float, ...]


class History:
    """Observations, of which those on the front and an even sample of the others are modelled."""

    def __init__(self) -> None:
        self._by_trial: list[Observation] = []
        self._by_lot: list[tuple[str, Observation]] = []
        self._front: list[Observation] = []

    def __len__(self) -> int:
        return len(self._by_trial)

    def add(self, observation: Observation) -> None:
        bisect.insort(self._by_trial, observation, key=lambda one: one.trial)
        bisect.insort(self._by_lot, (_lot(observation), observation), key=lambda pair: pair[0])
        self._front = _front_with(self._front, observation)

    def first(self, count: int) -> list[Observation]:
        """Those of the lowest trial numbers."""
        return self._by_trial[:count]

    def modelled(self) -> list[Observation]:
        """At most ``MAX_MODELLED``, by trial number: the front, and others drawn by lot."""
        if len(self) <= MAX_MODELLED:
            return list(self._by_trial)
        chosen = {one.trial: one for one in _spread(self._front, _MAX_FRONT)}
        for _, one in self._by_lot:
            if len(chosen) == MAX_MODELLED:
                break
            chosen.setdefault(one.trial, one)
        return [chosen[trial] for trial in sorted(chosen)]


def _lot(observation: Observation) -> str:
    return hashlib.sha256(str(observation.trial).encode()).hexdigest()


def _front_with(front: list[Observation], added: Observation) -> list[Observation]:
    """Observations that no other dominates; equal ones stay together, so that their order can't matter."""
    everyone = [*front, added]
    stays = pareto.non_dominated(np.array([[one.error, *one.objectives] for one in everyone]))
    return [one for one, is_on in zip(everyone, stays, strict=True) if is_on]


def _spread(front: list[Observation], count: int) -> list[Observation]:
    """As many of the front, evenly by error."""
    ordered = sorted(front, key=lambda one: (one.error, one.objectives, one.trial))
    if len(ordered) <= count:
        return ordered
    return [ordered[index] for index in np.linspace(0, len(ordered) - 1, count).round().astype(int)]
