"""Which networks are timed before a study, so that all others can be predicted, and which tell how well."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.features import latency_features
from search_spaces.architecture import Architecture, Task
from search_spaces.errors import ArchitectureError
from search_spaces.registry import architecture
from search_spaces.space import FamilySpace, Point, SearchSpace, draw

NUM_REFERENCES = 18
"""Fitted on so many of a space of small networks, a predictor ranks the others at 0.99 and more (measured)."""

# Of so many networks drawn, those that differ most are chosen.
_MIN_DRAWS = 40
_DRAWS_PER_REFERENCE = 2
# Draws for each network that is wanted, before a space counts as exhausted.
_PATIENCE = 20


def reference_architectures(
    space: SearchSpace, task: Task, *, seed: int, n: int = NUM_REFERENCES
) -> tuple[Architecture, ...]:
    """Networks spread evenly over the costs of every family, from the cheapest drawn to the dearest.

    Fewer than ``n`` where the space has fewer. The families share ``n`` as evenly as it divides.
    """
    rng = random.Random(seed)
    chosen: list[Architecture] = []
    for index, family in enumerate(space.families):
        num_families_left = len(space.families) - index
        num_wanted = -(-(n - len(chosen)) // num_families_left)
        drawn = _draw(family, task, rng, _MIN_DRAWS + _DRAWS_PER_REFERENCE * num_wanted)
        chosen.extend(_spread(drawn, task, num_wanted))
    return tuple(chosen)


def random_architectures(space: SearchSpace, task: Task, *, seed: int, n: int) -> tuple[Architecture, ...]:
    """Different networks as a uniform draw gives them; fewer than ``n`` where many draws find no more."""
    rng = random.Random(seed)
    drawn: dict[str, Architecture] = {}
    for _ in range(_PATIENCE * n):
        if len(drawn) == n:
            break
        try:
            network = architecture(space.sample(rng), task)
        except ArchitectureError:
            continue
        drawn.setdefault(network.architecture_id, network)
    return tuple(drawn.values())


def _draw(family: FamilySpace, task: Task, rng: random.Random, num_draws: int) -> list[Architecture]:
    """Different architectures; those that the task's images are too small for are left out."""
    drawn: dict[str, Architecture] = {}
    for _ in range(num_draws):
        point = Point(family=family.family, values=family.resolve(lambda _name, parameter: draw(parameter, rng)))
        try:
            network = architecture(point, task)
        except ArchitectureError:
            continue
        drawn.setdefault(network.architecture_id, network)
    return list(drawn.values())


def _spread(networks: Sequence[Architecture], task: Task, num_wanted: int) -> list[Architecture]:
    """The cheapest network, then again and again the one that is least like those chosen before."""
    if len(networks) <= num_wanted:
        return list(networks)
    features_NF = _log_features(networks, task.image_size)
    chosen = [int(features_NF.sum(axis=1).argmin())]
    distances_N = np.full(len(networks), np.inf)
    while len(chosen) < num_wanted:
        distances_N = np.minimum(distances_N, np.abs(features_NF - features_NF[chosen[-1]]).sum(axis=1))
        distances_N[chosen[-1]] = -1.0  # never again, also where all others have equal features
        chosen.append(int(distances_N.argmax()))
    return [networks[index] for index in chosen[:num_wanted]]


def _log_features(networks: Sequence[Architecture], image_size: int) -> NDArray[np.float64]:
    """What latency is predicted from, so that equal distances are equal factors and a kind of layer stands out."""
    rows = [latency_features(network.layers(image_size), Runtime.EAGER) for network in networks]
    names = sorted({name for row in rows for name in row})
    return np.log1p([[row.get(name, 0.0) for name in names] for row in rows])
