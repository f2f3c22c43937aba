"""The settings of a study, one frozen dataclass per table of the study file.

Rules that concern one value stand in its annotation; rules between values are checked where the file is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from orchestrator.config.durations import parse_duration_s
from orchestrator.objectives import Constraint, Objective
from search_spaces.architecture import Task
from search_spaces.space import SearchSpace

MAX_SEED = 2**32 - 1

Fraction = Annotated[float, Gt(0.0), Lt(1.0)]
Share = Annotated[float, Ge(0.0), Lt(1.0)]
Positive = Annotated[float, Gt(0.0)]
NotNegative = Annotated[float, Ge(0.0)]
Count = Annotated[int, Ge(1)]


class SamplerName(StrEnum):
    """Who proposes the next architecture."""

    KNOWN_COST = "known-cost"
    TPE = "tpe"
    NSGA2 = "nsga2"
    GP = "gp"
    RANDOM = "random"


class SchedulerName(StrEnum):
    """Who decides which trials go on at a rung."""

    FRONT = "front"
    ASHA = "asha"
    NONE = "none"


class EngineName(StrEnum):
    """How the workers of a trial run: in Tune's own actor, or as a long-lived Ray Train group."""

    AUTO = "auto"
    INLINE = "inline"
    GROUP = "group"


class OptimizerName(StrEnum):
    SGD = "sgd"
    ADAMW = "adamw"


class Runtime(StrEnum):
    """How a network runs when its latency is measured; ``folded`` is eager with batch norm folded into convolutions."""

    EAGER = "eager"
    FOLDED = "folded"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySettings:
    """``[study]``

    Attributes:
        reproducible: whatever order trials end in, suggestions, rung decisions and the front of the search are the
            same. Costs a share of the workers' time: suggestion k waits for trial k - 2 * max_concurrent_trials.
        warm_start: directories of other studies, whose results are taken where recipe, data and seed are the same,
            and inform the sampler where they are not.
    """

    name: str = ""
    seed: Annotated[int, Ge(0), Le(MAX_SEED)] = 0
    sampler: SamplerName = SamplerName.KNOWN_COST
    scheduler: SchedulerName = SchedulerName.FRONT
    reproducible: bool = False
    warm_start: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSettings:
    """``[data]``

    Attributes:
        name: ``digits``, or ``folder`` for a folder with one sub-folder of images per class.
        path: the folder; unused for data sets that come with a library.
        image_size: side in pixels that images of a folder are resized to.
        validation_share, test_share: of all images, stratified by class, chosen by the study's seed alone.
    """

    name: str = "digits"
    path: str = ""
    image_size: Annotated[int, Ge(8), Le(1024)] = 32
    validation_share: Fraction = 0.2
    test_share: Fraction = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """``[recipe]``: how every network of the study is trained.

    The learning rate warms up, stays constant and decays over the last ``decay_share`` of the epochs
    (warm-up-stable-decay), so that accuracy at an epoch means the same whether or not training goes on.

    Attributes:
        batch_size: images per step over all workers.
        average_decay: of the exponential average of the weights that is evaluated, per step.
        max_shift: augmentation: images move by up to so many pixels, each on its own.
        flip: augmentation: half of the images are mirrored.
    """

    epochs: Annotated[int, Ge(1), Le(10_000)] = 12
    batch_size: Annotated[int, Ge(2)] = 64
    optimizer: OptimizerName = OptimizerName.SGD
    learning_rate: Positive = 0.1
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    label_smoothing: Share = 0.0
    warmup_epochs: NotNegative = 1.0
    decay_share: Annotated[float, Ge(0.0), Le(1.0)] = 0.3
    average_decay: Share = 0.98
    max_shift: Annotated[int, Ge(0), Le(64)] = 0
    flip: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySettings:
    """``[latency]``: the conditions that latency is measured and predicted under."""

    batch_size: Count = 1
    num_threads: Count = 1
    runtime: Runtime = Runtime.FOLDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """``[budget]``: what ends a search, whichever comes first; trials that run then go on to their end.

    Attributes:
        trials: architectures to train or to stop early; refused ones cost nothing.
        wall_time: such as "90 min", of the study over all its sessions; empty means without a limit.
        gpu_hours: that trials take on all GPUs of their workers together; 0 means without a limit.
        patience: ended trials in a row over which the front's hypervolume grows by at most 0.1 %; 0 means any number.
        max_failed_share: the study ends when more than this share of its ended trials, ten at least, has failed.
    """

    trials: Annotated[int, Ge(1), Le(1_000_000)] = 24
    wall_time: str = ""
    gpu_hours: NotNegative = 0.0
    patience: Annotated[int, Ge(0), Le(1_000_000)] = 0
    max_failed_share: Annotated[float, Gt(0.0), Le(1.0)] = 0.5

    @property
    def wall_time_s(self) -> float:
        """Infinite without a limit."""
        return parse_duration_s(self.wall_time) if self.wall_time else math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """``[resources]``

    Attributes:
        workers_per_trial: processes that train one network together.
        max_concurrent_trials: trials at a time; 0 means as many as fit.
        max_attempts: how often a trial whose workers died is started before it is FAILED.
    """

    engine: EngineName = EngineName.AUTO
    workers_per_trial: Annotated[int, Ge(1), Le(1024)] = 1
    cpus_per_worker: Count = 1
    gpus_per_worker: Annotated[float, Ge(0.0)] = 0.0
    max_concurrent_trials: Annotated[int, Ge(0)] = 0
    max_attempts: Count = 3

    @property
    def resolved_engine(self) -> EngineName:
        if self.engine is not EngineName.AUTO:
            return self.engine
        return EngineName.INLINE if self.workers_per_trial == 1 else EngineName.GROUP


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracking:
    """``[tracking]``: MLflow; an empty ``uri`` is ``$MLFLOW_TRACKING_URI``, else a SQLite file beside the studies."""

    enabled: bool = True
    uri: str = ""
    experiment: str = "archfront"


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """All that a study is made from; equal configs give equal studies."""

    study: StudySettings
    data: DataSettings
    task: Task
    space: SearchSpace
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    recipe: Recipe
    latency: LatencySettings
    budget: Budget = field(default_factory=Budget)
    resources: Resources = field(default_factory=Resources)
    tracking: Tracking = field(default_factory=Tracking)

    @property
    def lag(self) -> int | None:
        """Of a reproducible study: suggestion k and all decisions on trial k see the trials up to k - lag.

        Twice the trials that run at once keep 83 % of their workers busy and more where durations differ by less than
        their mean (simulated).
        """
        return 2 * self.resources.max_concurrent_trials if self.study.reproducible else None
