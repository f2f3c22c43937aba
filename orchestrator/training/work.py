"""What workers are told: of the study once, of each attempt when it begins. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings, Recipe
from search_spaces.registry import architecture_from_dict


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyWork:
    """What all trials of a session share; sent to every worker once.

    Attributes:
        shared: where the decoded data set lies in Ray's object store; None where each worker loads it.
    """

    root: Path
    seed: int
    owner_epoch: int
    data: DataSettings
    recipe: Recipe
    num_threads: int
    shared: Any = None

    def trial_seed(self, work: TrialWork) -> int:
        """The seed of a trial's weights, order and augmentation; the same for all its attempts.

        It depends on the network and not on the trial's number: whenever the same network is suggested, in this study
        or in another one of the same seed, it is trained alike, and its result can be taken over.
        """
        return derive_seed(self.seed, f"trial {architecture_from_dict(work.architecture).architecture_id}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialWork:
    """What a worker needs to know of one attempt."""

    trial: int
    token: str
    architecture: Mapping[str, Any]
