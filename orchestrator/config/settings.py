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
from orchestrator.config.runtimes import Runtime
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


class ScheduleName(StrEnum):
    """How the learning rate falls after its warm-up: evenly over the last epochs, or by a factor at some of them."""

    STABLE_DECAY = "stable-decay"
    STEPS = "steps"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySettings:
    """``[study]``

    Attributes:
        name: of the folder that the study lies in; that of the study file where it is left out.
        seed: all others are derived from it; equal seeds propose equal networks.
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


class CorruptPolicy(StrEnum):
    """What becomes of images that can't be decoded."""

    REFUSE = "refuse"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSettings:
    """``[data]``

    Attributes:
        name: ``digits``, ``mnist``, ``fashion-mnist``, ``cifar10``, ``cifar100``, ``svhn``, ``folder`` (a sub-folder of
            images for each class), ``parquet`` (columns image and label) or ``synthetic``.
        path: the folder of images; the file or folder of Parquet, here or at an address such as s3://bucket/images;
            the folder that published data sets lie in, or are downloaded to, "data" where it is left out.
        image_size: side in pixels of the network's input; images are resized to it.
        center_crop: share of the shorter side that is kept, in the middle, after resizing; 0.875 is usual for ImageNet.
        validation_share, test_share: of all images, stratified by class, chosen by the study's seed alone. Data that
            come with a test split, or with a validation split, too, keep it; the other share is of the rest.
        on_corrupt: whether images that can't be decoded are refused, with a list, or skipped and counted.
        num_images, num_classes: of the synthetic images.
    """

    name: str = "digits"
    path: str = ""
    image_size: Annotated[int, Ge(8), Le(1024)] = 32
    center_crop: Annotated[float, Gt(0.0), Le(1.0)] = 1.0
    validation_share: Fraction = 0.2
    test_share: Fraction = 0.2
    on_corrupt: CorruptPolicy = CorruptPolicy.REFUSE
    num_images: Annotated[int, Ge(10), Le(100_000_000)] = 10_000
    num_classes: Annotated[int, Ge(2), Le(100_000)] = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """``[recipe]``: how every network of the study is trained.

    The learning rate warms up, stays constant and decays over the last ``decay_share`` of the epochs
    (warm-up-stable-decay), so that accuracy at an epoch means the same whether or not training goes on.

    Attributes:
        epochs: the full budget of a trial; the scheduler stops trials before.
        batch_size: images per step over all workers.
        optimizer: sgd with Nesterov's momentum, or adamw.
        learning_rate: the highest, between warm-up and decay.
        momentum: of sgd.
        weight_decay: of all weights but biases and batch norm's.
        label_smoothing: share of each label that is spread over all classes.
        warmup_epochs: over which the learning rate rises, in epochs or parts of one.
        decay_share: of the epochs, the last ones, over which the learning rate falls evenly.
        milestones: shares of the epochs after which the learning rate is multiplied by ``step_factor``; of the
            schedule ``steps`` alone, as ``decay_share`` is of the other.
        step_factor: of the schedule ``steps``.
        average_decay: of the exponential average of the weights that is evaluated, per step.
        max_shift: augmentation: images move by up to so many pixels, each on its own.
        flip: augmentation: half of the images are mirrored.
        cutout: augmentation: side in pixels of a square that is blanked in each image (DeVries and Taylor 2017).
        min_crop_area: augmentation: a crop of at least this share of each image is trained on, of an aspect between
            3/4 and 4/3, resized to the network's input (Szegedy et al. 2015, sec. 6); 0.08 is usual for ImageNet, 0 is
            off.
    """

    epochs: Annotated[int, Ge(1), Le(10_000)] = 12
    batch_size: Annotated[int, Ge(2)] = 64
    optimizer: OptimizerName = OptimizerName.SGD
    learning_rate: Positive = 0.1
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    label_smoothing: Share = 0.0
    warmup_epochs: NotNegative = 1.0
    schedule: ScheduleName = ScheduleName.STABLE_DECAY
    decay_share: Annotated[float, Ge(0.0), Le(1.0)] = 0.3
    milestones: tuple[Fraction, ...] = (0.5, 0.75)
    step_factor: Fraction = 0.1
    average_decay: Share = 0.98
    max_shift: Annotated[int, Ge(0), Le(64)] = 0
    flip: bool = False
    cutout: Annotated[int, Ge(0), Le(1024)] = 0
    min_crop_area: Annotated[float, Ge(0.0), Le(1.0)] = 0.0

    @property
    def falling_share(self) -> float:
        """Share of the epochs, the last ones, that train with less than the full learning rate."""
        if self.schedule is ScheduleName.STEPS:
            return 1.0 - min(self.milestones, default=1.0)
        return self.decay_share


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySettings:
    """``[latency]``: the conditions that latency is measured and predicted under.

    Attributes:
        device: ``cpu`` or ``cuda`` of the machine that the search runs on; any other word names a device of one's own,
            on which ``archfront measure --device WORD`` takes the figures.
        batch_size: images at a time where latency is measured and memory counted.
        throughput_batch_size: images at a time where throughput is measured.
        num_threads: that the measured network computes with.
    """

    device: str = "cpu"
    batch_size: Count = 1
    throughput_batch_size: Count = 64
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
class Confirmation:
    """``[confirm]``: what finalists go through after the search, beside the test score and the latency.

    Attributes:
        seeds: further trainings of each, from other first weights, for an interval of its accuracy; 3 and more say
            something.
        retrain: train each anew on training and validation images together; what is exported then is that network.
    """

    seeds: Annotated[int, Ge(0), Le(100)] = 0
    retrain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """``[resources]``

    Attributes:
        workers_per_trial: processes that train one network together.
        min_workers_per_trial: a group that has lost a node goes on with so many and more, at the same batch size; 0
            means that it waits for all of them.
        cpus_per_worker: threads that a worker computes with, and CPUs that it holds in Ray.
        gpus_per_worker: whole GPUs, or a fraction of one for small networks.
        accelerator: type of the GPUs, as Ray names it, such as "A100"; empty takes any.
        max_concurrent_trials: trials at a time; 0 means as many as fit.
        autoscale: trials for which there is no room yet wait until Ray's autoscaler has started nodes for them, up to
            max_concurrent_trials.
        max_attempts: how often in a row the workers of a trial may die, with no epoch gained, before it is FAILED.
    """

    engine: EngineName = EngineName.AUTO
    workers_per_trial: Annotated[int, Ge(1), Le(1024)] = 1
    min_workers_per_trial: Annotated[int, Ge(0), Le(1024)] = 0
    cpus_per_worker: Count = 1
    gpus_per_worker: Annotated[float, Ge(0.0)] = 0.0
    accelerator: str = ""
    max_concurrent_trials: Annotated[int, Ge(0)] = 0
    autoscale: bool = False
    max_attempts: Count = 3

    @property
    def resolved_engine(self) -> EngineName:
        if self.engine is not EngineName.AUTO:
            return self.engine
        return EngineName.INLINE if self.workers_per_trial == 1 else EngineName.GROUP


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracking:
    """``[tracking]``: MLflow.

    Attributes:
        enabled: whether anything is sent.
        uri: of the server or the database; empty is ``$MLFLOW_TRACKING_URI``, else a SQLite file beside the studies.
        experiment: that the study's runs are shown in.
        register: the most accurate network of the front becomes a version of this registered model; empty for none.
    """

    enabled: bool = True
    uri: str = ""
    experiment: str = "archfront"
    register: str = ""


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
    confirm: Confirmation = field(default_factory=Confirmation)
    resources: Resources = field(default_factory=Resources)
    tracking: Tracking = field(default_factory=Tracking)

    @property
    def lag(self) -> int | None:
        """Of a reproducible study: suggestion k and all decisions on trial k see the trials up to k - lag.

        Twice the trials that run at once keep 83 % of their workers busy and more where durations differ by less than
        their mean (simulated).
        """
        return 2 * self.resources.max_concurrent_trials if self.study.reproducible else None
