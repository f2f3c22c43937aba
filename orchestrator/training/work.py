"""What workers are told: of the study once, of each attempt when it begins. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import DataSettings, Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyWork:
    """What all trials of a session share; sent to every worker once."""

    root: Path
    seed: int
    owner_epoch: int
    data: DataSettings
    recipe: Recipe
    num_threads: int

    def trial_seed(self, trial: int) -> int:
        """The seed of a trial's weights, order and augmentation; the same for all its attempts."""
        return derive_seed(self.seed, "trial", trial)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialWork:
    """What a worker needs to know of one attempt."""

    trial: int
    token: str
    architecture: Mapping[str, Any]
