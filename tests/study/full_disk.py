"""Studies in small on disks of given sizes: ``python -m tests.study.full_disk FOLDER SIZE_KIB...``, one JSON line each.

A study runs until its disk is full, then goes on after the disk has grown. The "disk" is a tmpfs mounted on FOLDER.
Trials are made up, their checkpoints and results are real, and so is the store.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from orchestrator.errors import StorageError
from orchestrator.records import TrialState
from orchestrator.store.messages import MessageKind, WorkerResult, write_result
from orchestrator.store.opening import take
from orchestrator.store.rows import Attempt
from orchestrator.training.checkpoint import Progress, load_latest, save
from tests.simulation import STUDY, Simulation, config_of

NUM_TRIALS = 4
NUM_EPOCHS = 8
ENOUGH_KIB = 65_536


class Writing(Simulation):
    """A simulation whose trials write what real ones write, when real ones do.

    Attributes:
        acknowledged: the epochs that were reported of each trial; what nobody may lose.
        num_redone: steps that an attempt did again after it went on from its checkpoint.
    """

    acknowledged: dict[int, int]
    num_redone: int = 0

    def advance(self, attempt: Attempt) -> bool:
        directory = self.store.paths.trial(attempt.trial).root
        step = len(self.store.records[attempt.trial].reports) + 1
        try:
            found = load_latest(directory, tensors(0))
            if found is None or found.step < step:
                save(directory, Progress(step=step), tensors(step))
            goes_on = super().advance(attempt)
        except StorageError as error:
            self.receive(attempt, MessageKind.INTERRUPTED, detail=error.message)
            raise
        self.acknowledged[attempt.trial] = step
        return goes_on

    def receive(self, attempt: Attempt, kind: MessageKind, **content: object) -> bool:
        result = content.get("result")
        if isinstance(result, WorkerResult):
            write_result(self.store.paths.trial(attempt.trial).result, token=attempt.token, result=result)
        return super().receive(attempt, kind, **content)  # type: ignore[arg-type]


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"values": torch.full((25_000,), float(step)), "counters": torch.full((3,), step)}


def run(disk: Path, acknowledged: dict[int, int]) -> None:
    """A session of the study, until it ends or fails."""
    config = config_of(
        disk.parent, STUDY, f"budget.trials={NUM_TRIALS}", f"recipe.epochs={NUM_EPOCHS}", "study.sampler=random"
    )
    root = disk / "study"
    store = take(root, takeover=True) if (root / "study.db").exists() else None
    simulation = Writing(root, config, store=store)
    simulation.acknowledged = acknowledged
    try:
        check_nothing_is_lost(simulation)
        simulation.referee.adopt()
        simulation.run()
        check_nothing_is_lost(simulation)
        states = [record.state for record in simulation.store.records.values()]
        assert len(states) == NUM_TRIALS
        assert all(state.is_end for state in states)
    finally:
        simulation.store.close()


def check_nothing_is_lost(simulation: Writing) -> None:
    for trial, epoch in simulation.acknowledged.items():
        record = simulation.store.records[trial]
        assert [report.epoch for report in record.reports] == list(range(1, len(record.reports) + 1))
        assert len(record.reports) >= epoch, f"trial {trial}: {len(record.reports)} of {epoch} epochs"
        if record.state is TrialState.RUNNING:
            found = load_latest(simulation.store.paths.trial(trial).root, tensors(0))
            assert found is not None
            assert found.step >= epoch, f"trial {trial}: its checkpoint is of step {found.step}, not {epoch}"


def try_size(disk: Path, size_kib: int) -> dict[str, object]:
    """Runs a study on a disk of this size, and again when there is room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", disk], check=True)
    acknowledged: dict[int, int] = {}
    told = ""
    try:
        try:
            run(disk, acknowledged)
        except StorageError as error:
            told = f"{error.message}; {error.hint}"
        interrupted = sum(acknowledged.values())
        subprocess.run(["mount", "-o", f"remount,size={ENOUGH_KIB}k", "tmpfs", disk], check=True)
        run(disk, acknowledged)
        return {"size_kib": size_kib, "told": told, "acknowledged": interrupted, "used": shutil.disk_usage(disk).used}
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


if __name__ == "__main__":
    for size in sys.argv[2:]:
        print(json.dumps(try_size(Path(sys.argv[1]), int(size))), flush=True)
