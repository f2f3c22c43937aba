"""Calibration here and now: training steps of a few networks, timed in a process of its own that imports torch."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from orchestrator.config.settings import SearchConfig
from orchestrator.errors import ArchfrontError
from orchestrator.planning.networks import Networks
from orchestrator.planning.seconds import Calibration, architecture_features
from orchestrator.planning.steps import time_steps
from search_spaces.registry import architecture
from search_spaces.space import Point

NUM_NETWORKS = 6
SECONDS = 6.0
"""For all of them together; importing torch comes on top."""

_SPREAD = (0.8, 1.6)
"""Six digits networks took 0.96 to 1.27 times what was foretold of them (in seconds of a processor); on top, processes
that train beside each other slow each other down."""

_STATISTICS_IMAGES = 512
_FORWARD_SHARE = 1 / 3
"""Of a training step: validation goes forward only, over its images and over those of batch norm's statistics."""


def timed(config: SearchConfig, networks: Networks, *, num_train: int, num_validation: int) -> Calibration | None:
    """Steps of cheap and of dear networks; None where this machine lacks the GPU that trials have.

    Raises:
        ArchfrontError: the process that times them has died.
    """
    chosen = [architecture(point, config.task) for point in _chosen(networks)]
    started_s = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            step_s = pool.submit(time_steps, config, chosen, SECONDS / len(chosen)).result()
        except Exception as error:
            raise ArchfrontError(f"training steps can't be timed: {error}") from error
    if step_s is None:
        return None
    num_forward = num_validation + min(_STATISTICS_IMAGES, num_train)
    steps = num_train // config.recipe.batch_size + _FORWARD_SHARE * num_forward / config.recipe.batch_size
    took_s = time.perf_counter() - started_s
    return Calibration(
        source=f"from training steps of {len(chosen)} networks on black images, timed here in {took_s:.0f} s",
        features_KF=architecture_features(chosen, config.task.image_size),
        seconds_K=steps * np.array(step_s),
        spread=_SPREAD,
    )


def _chosen(networks: Networks) -> list[Point]:
    """Evenly by MACs, from the cheapest up to the dearest tenth, whose steps would take most of the time."""
    order = np.argsort(networks.macs_N, kind="stable")
    places = np.unique(np.linspace(0, 0.9 * (len(order) - 1), NUM_NETWORKS).astype(int))
    return [networks.points[order[place]] for place in places.tolist()]
