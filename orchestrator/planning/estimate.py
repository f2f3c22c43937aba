"""What a study would take: seconds of a trial, hours, wall time and disk, as ranges; what can't work is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestrator.config.settings import OptimizerName, SchedulerName, SearchConfig
from orchestrator.errors import BadInputError, NothingFeasibleError
from orchestrator.planning.networks import Column, Networks
from orchestrator.planning.seconds import Calibration
from orchestrator.runtime.layout import Layout
from orchestrator.storage import free_bytes

Range = tuple[float, float]
"""Low and high."""

_FLOAT_BYTES = 4

_STOPPED_LEAST = 0.625
"""Of a study's full cost: half of its trials stopped after a quarter of their epochs."""

_OVERHEAD_S: Range = (20.0, 90.0)
"""Start of Ray, calibration and confirmation of the front (digits on two cores: 40 s, on busy ones 84 s)."""

_TRIAL_OVERHEAD_S: Range = (0.1, 0.7)
"""A trial's own, beside its epochs."""

_STUDY_BYTES, _TRIAL_BYTES, _EPOCH_BYTES = 300_000, 15_000, 1200
"""Database, records and report, beside models and checkpoints (30 trials of 16 epochs: 1.4 MB)."""

_CHECKPOINTS = 2
"""That a running trial keeps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """How long a study would take.

    Attributes:
        source: where that is known from.
        trial_s: of networks of the fastest and of the slowest tenth, trained in full.
        wall_time_s: low where the search settles on cheap networks and half of its trials are stopped early; high
            where it trains the space's average in full.
        cpu_hours, gpu_hours: that trials hold, from the same to the same.
        is_cut: by ``budget.wall_time``, which comes before the last trial at the high end.
    """

    source: str
    trial_s: Range
    median_trial_s: float
    wall_time_s: Range
    cpu_hours: Range
    gpu_hours: Range
    is_cut: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """What a study leaves, and holds while it runs.

    Attributes:
        num_bytes: low where the search settles on small networks, high where it trains the space's average.
    """

    num_bytes: Range
    free_bytes: int


def duration(config: SearchConfig, networks: Networks, layout: Layout, calibration: Calibration) -> Duration:
    """Of the whole study, from what is known of some of its networks' epochs."""
    full_s_N = config.recipe.epochs * calibration.epoch_s(networks)
    mean_s = _mean_trial_s(config, full_s_N, calibration.spread)
    num_slots = min(layout.num_slots, config.budget.trials)
    rounds = config.budget.trials / num_slots
    search_s = _both(lambda end: rounds * mean_s[end])
    limit_s = config.budget.wall_time_s
    # At least one trial at each end is trained to its end, whatever the limit.
    wall_time_s = _both(lambda end: min(search_s[end], limit_s + mean_s[end]) + _OVERHEAD_S[end])
    held = _both(lambda end: min(search_s[end], limit_s) * num_slots * layout.num_workers / 3600)
    low, high = calibration.spread
    return Duration(
        source=calibration.source,
        trial_s=(low * float(np.quantile(full_s_N, 0.1)), high * float(np.quantile(full_s_N, 0.9))),
        median_trial_s=float(np.median(full_s_N)),
        wall_time_s=wall_time_s,
        cpu_hours=_both(lambda end: held[end] * config.resources.cpus_per_worker),
        gpu_hours=_both(lambda end: held[end] * config.resources.gpus_per_worker),
        is_cut=search_s[1] > limit_s,
    )


def disk(config: SearchConfig, networks: Networks, layout: Layout, storage: Path) -> Disk:
    """Every model, the checkpoints of the trials that run, and what is recorded.

    Raises:
        BadInputError: there is no room for small networks.
    """
    num_trials, epochs = config.budget.trials, config.recipe.epochs
    recorded = _STUDY_BYTES + num_trials * (_TRIAL_BYTES + epochs * _EPOCH_BYTES)
    running = min(layout.num_slots, num_trials) * _CHECKPOINTS * _state_bytes(config)
    models, sizes = _cheap_and_all(networks.file_bytes_N), _cheap_and_all(networks.num_parameters_N)
    needed = _both(lambda end: recorded + num_trials * models[end] + running * sizes[end])
    free = free_bytes(storage)
    if needed[0] > free:
        raise BadInputError(
            f"{storage}: a study of {num_trials:,} trials takes about {needed[0]:,.0f} bytes, and {free:,} are free",
            hint="make room, give another --storage, or lower budget.trials",
        )
    return Disk(num_bytes=needed, free_bytes=free)


def check_memory(config: SearchConfig, networks: Networks, *, memory_bytes: int) -> None:
    """Refuses a space of which not even the smallest network can be trained, two images at a time.

    Raises:
        NothingFeasibleError: with the bytes.
    """
    state_N = (_state_bytes(config) + _FLOAT_BYTES) * networks.num_parameters_N  # with its gradients
    activations_N = 2 * _FLOAT_BYTES * networks.num_activations_N
    needed = int((state_N + activations_N).min())
    if needed > memory_bytes:
        raise NothingFeasibleError(
            f"the smallest network takes about {needed:,} bytes to train, and there are {memory_bytes:,}",
            hint="make the networks or the images smaller, or take a machine with more memory",
        )


def _mean_trial_s(config: SearchConfig, full_s_N: Column, spread: Range) -> Range:
    cheap_s, all_s = _cheap_and_all(full_s_N)
    least = 1.0 if config.study.scheduler is SchedulerName.NONE else _STOPPED_LEAST
    low, high = spread
    return (
        least * low * cheap_s + _TRIAL_OVERHEAD_S[0],
        high * all_s + _TRIAL_OVERHEAD_S[1],
    )


def _cheap_and_all(costs_N: Column) -> Range:
    """Means of the cheaper half and of the whole space: which networks a study will train is not known before it."""
    return float(np.sort(costs_N)[: max(1, len(costs_N) // 2)].mean()), float(costs_N.mean())


def _state_bytes(config: SearchConfig) -> int:
    """Of a parameter: itself, its average and the optimiser's moments."""
    return _FLOAT_BYTES * (4 if config.recipe.optimizer is OptimizerName.ADAMW else 3)


def _both(of_end: Callable[[int], float]) -> Range:
    return of_end(0), of_end(1)
