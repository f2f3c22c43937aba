"""Where the time of an epoch is known from: earlier studies before steps that are timed here and now."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import DataSummary
from orchestrator.planning.networks import Networks
from orchestrator.planning.recorded import recorded
from orchestrator.planning.seconds import Calibration
from orchestrator.planning.timing import timed


def calibrate(config: SearchConfig, networks: Networks, *, data: DataSummary, storage: Path) -> Calibration | None:
    """None where nothing is recorded, and trials have a GPU that this machine lacks.

    Raises:
        ArchfrontError: steps can't be timed.
    """
    return recorded(config, storage) or timed(
        config, networks, num_train=data.num_train, num_validation=data.num_validation
    )
