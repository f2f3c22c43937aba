"""A study's store whose trials end when a test says so; nothing is trained."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config.settings import SearchConfig
from orchestrator.records import TrialRecord, TrialState
from orchestrator.store.opening import take
from orchestrator.store.rows import Ask
from search_spaces.space import Point
from tests.simulation import STUDY, config_of, open_store
from tests.synthetic import completed


class Trials:
    """The trials of one study, in this session or in the next."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.config: SearchConfig = config_of(folder, STUDY, *overrides)
        self.store = open_store(folder / "study", self.config)

    def start(self) -> TrialRecord:
        number = len(self.store.records)
        record = dataclasses.replace(
            completed(number, 0.5, 1000, 1.0),
            state=TrialState.RUNNING,
            accuracy=None,
            architecture={"family": "resnet", "in_channels": 1, "num_classes": 10},
        )
        self.store.start(Ask(number=number, point=Point(family="resnet", values={}), violations={}), record)
        return self.store.records[number]

    def complete(self, accuracy: float, num_parameters: int, latency_ms: float = 1.0) -> TrialRecord:
        """Starts a trial that ends at once."""
        record = self.start()
        costs = {"num_parameters": num_parameters, "predicted_latency_ms": latency_ms}
        self.store.end(dataclasses.replace(record, state=TrialState.COMPLETED, accuracy=accuracy, **costs))
        return self.store.records[record.number]

    def reopen(self) -> None:
        self.store.close()
        self.store = take(self.store.paths.root)


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    return Trials(tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on which a tmpfs can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a tmpfs can't be mounted here")
    subprocess.run(["umount", folder], check=True)
    yield folder
    while folder.is_mount():
        subprocess.run(["umount", "-l", folder], check=True)
