"""What a sampler has seen, kept so that a suggestion after ten thousand trials costs no more than after a hundred.

Everything here is a function of the set of observations, whatever order they came in.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
from dataclasses import dataclass

import numpy as np

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


class _Front:
    """Observations that no other dominates; equal ones stay together, so that their order can't matter."""

    def __init__(self) -> None:
        self.members: list[Observation] = []
        self._points_FK = np.empty(0)

    def add(self, observation: Observation) -> None:
        point_K = np.array([observation.error, *observation.objectives])
        points_FK = self._points_FK.reshape(-1, len(point_K))
        differs_F = (points_FK != point_K).any(axis=1)
        if ((points_FK <= point_K).all(axis=1) & differs_F).any():
            return
        stays_F = (points_FK < point_K).any(axis=1) | ~differs_F
        self.members = [*itertools.compress(self.members, stays_F.tolist()), observation]
        self._points_FK = np.vstack([points_FK[stays_F], point_K])


class History:
    """Observations, of which those on the front and an even sample of the others are modelled."""

    def __init__(self) -> None:
        self._by_trial: list[Observation] = []
        self._by_lot: list[tuple[str, Observation]] = []
        self._front = _Front()
        self._modelled: list[Observation] | None = None

    def __len__(self) -> int:
        return len(self._by_trial)

    def add(self, observation: Observation) -> None:
        bisect.insort(self._by_trial, observation, key=lambda one: one.trial)
        bisect.insort(self._by_lot, (_lot(observation), observation), key=lambda pair: pair[0])
        self._front.add(observation)
        self._modelled = None

    def first(self, count: int) -> list[Observation]:
        """Those of the lowest trial numbers."""
        return self._by_trial[:count]

    def modelled(self) -> list[Observation]:
        """At most ``MAX_MODELLED``, by trial number: the front, and others drawn by lot."""
        if self._modelled is None:
            self._modelled = self._chosen()
        return self._modelled

    def _chosen(self) -> list[Observation]:
        if len(self) <= MAX_MODELLED:
            return list(self._by_trial)
        chosen = {one.trial: one for one in _spread(self._front.members, _MAX_FRONT)}
        for _, one in self._by_lot:
            if len(chosen) == MAX_MODELLED:
                break
            chosen.setdefault(one.trial, one)
        return [chosen[trial] for trial in sorted(chosen)]


def _lot(observation: Observation) -> str:
    return hashlib.sha256(str(observation.trial).encode()).hexdigest()


def _spread(front: list[Observation], count: int) -> list[Observation]:
    """As many of the front, evenly by error."""
    ordered = sorted(front, key=lambda one: (one.error, one.objectives, one.trial))
    if len(ordered) <= count:
        return ordered
    return [ordered[index] for index in np.linspace(0, len(ordered) - 1, count).round().astype(int)]
