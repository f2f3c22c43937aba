"""What workers are told: of the study once, of each attempt when it begins. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings, Recipe
from orchestrator.storage.places import work_folder
from orchestrator.store.paths import StudyPaths
from search_spaces.registry import architecture_from_dict


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyWork:
    """What all trials of a session share; sent to every worker once.

    Attributes:
        root: the study's directory on its driver's machine.
        gpu_share: of its GPU's memory that a worker may take; it runs out of its own share and of no neighbour's.
        url: of its remote storage; empty where every node sees the directory.
        study_id: tells the folders of such studies apart where they are trained.
        shared: where the decoded data set lies in Ray's object store; None where each worker loads it.
        joins_validation: networks are trained anew on training and validation images together.
    """

    root: Path
    seed: int
    owner_epoch: int
    data: DataSettings
    recipe: Recipe
    num_threads: int
    gpu_share: float = 1.0
    url: str = ""
    study_id: str = ""
    shared: Any = None
    joins_validation: bool = False

    @property
    def folder(self) -> Path:
        """Where the node that asks has its part of the study."""
        return work_folder(self.study_id) if self.url else self.root

    def trial_seed(self, work: TrialWork) -> int:
        """The seed of a trial's weights, order and augmentation; the same for all its attempts.

        It depends on the network and not on the trial's number: whenever the same network is suggested, in this study
        or in another one of the same seed, it is trained alike, and its result can be taken over.
        """
        further = f" seed {work.seed}" if work.seed else ""
        return derive_seed(self.seed, f"trial {architecture_from_dict(work.architecture).architecture_id}{further}")

    def is_further(self, work: TrialWork) -> bool:
        """Whether the trial has ended, and its network is trained once more."""
        return self.joins_validation or work.seed > 0

    def directory(self, work: TrialWork) -> Path:
        """Where checkpoints and the final weights lie."""
        trial = StudyPaths(self.folder).trial(work.trial)
        if self.joins_validation:
            return trial.retrained.root
        return trial.seed(work.seed).root if work.seed else trial.root


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialWork:
    """What a worker needs to know of one attempt.

    Attributes:
        seed: which further training it is, counted from 1; 0 is the search's own.
    """

    trial: int
    token: str
    architecture: Mapping[str, Any]
    seed: int = 0

    def is_same_training(self, other: TrialWork) -> bool:
        """Whether two attempts train the same network from the same seed, and keep it in the same folder."""
        return (self.trial, self.seed) == (other.trial, other.seed)
