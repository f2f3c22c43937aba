"""One study by the command line whose processes are killed at random until it has ended in spite of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from orchestrator.errors import ArchfrontError
from orchestrator.store.database import Database
from orchestrator.store.paths import StudyPaths
from tests.faults.head import ROOT, Head

NUM_EPOCHS = 20
NUM_TRIALS = 8
STUDY = f"""
[study]
name = "killed"
scheduler = "none"
[space.densenet]
growth_rate = [4, 8]
num_blocks = 2
num_layers = {{ low = 1, high = 2 }}
num_init_features = 8
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[recipe]
epochs = {NUM_EPOCHS}
decay_share = 0.25
max_shift = 1
[budget]
trials = {NUM_TRIALS}
[resources]
max_concurrent_trials = 2
max_attempts = 50
[tracking]
enabled = false
"""

_MOMENTS = ("starting", "training", "training")
_LAST_MOMENTS = ("training", "confirming")
"""When a driver is killed, at random; workers are killed while they train, and so before all trials have ended."""

_WORKER = "ImplicitFunc"
"""In the title of an actor in which Tune trains."""
_LONGEST_START_S = 12.0
_LONGEST_CONFIRM_S = 3.0
_GONE_AFTER_S = 10.0
_PATIENCE_S = 300.0


class KilledStudy:
    """One study, started again after each kill of its driver.

    Attributes:
        told: all that the command has printed, over all its sessions.
    """

    def __init__(self, folder: Path, *, rng: random.Random, head: Head | None) -> None:
        self._folder = folder
        self._rng = rng
        self._head = head
        self.root = folder / "runs" / "killed"
        self.told = folder / "told.jsonl"
        self.told.touch()
        (folder / "killed.toml").write_text(STUDY)
        self._before = {process.pid for process in psutil.process_iter()}

    def session(self, victims: Sequence[str]) -> tuple[int, list[str]]:
        """The command from its start to its end; kills what comes next in ``victims`` while it lasts.

        Returns:
            The exit code, and the victims that were found and killed: a driver only as the last of them.
        """
        killed: list[str] = []
        process = self._start()
        try:
            for victim in victims:
                moment = self._moment(victim, is_last=len(killed) == len(victims) - 1)
                if not self._wait_for(moment, process) or not self._kill(process, victim):
                    break
                killed.append(victim)
                if victim == "driver":
                    break
            return process.wait(timeout=_PATIENCE_S), killed
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def errors(self) -> str:
        """What the last session wrote to stderr, its end."""
        return (self._folder / "errors").read_text()[-500:]

    def processes_left(self) -> list[str]:
        """Processes of the study that live ten seconds after its command has ended."""
        deadline = time.monotonic() + _GONE_AFTER_S
        while (left := list(self._left())) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def _start(self) -> subprocess.Popen[bytes]:
        joining = ("--address", self._head.address) if self._head else ()
        with self.told.open("a") as told, (self._folder / "errors").open("w") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestrator", "search", "killed.toml", "--json", *joining],
                cwd=self._folder,
                env=os.environ
                | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
                | dict(self._head.environment if self._head else {}),
                stdout=told,
                stderr=errors,
            )

    def _moment(self, victim: str, *, is_last: bool) -> str:
        if victim == "worker":
            return "training"
        return self._rng.choice(_LAST_MOMENTS if is_last else _MOMENTS)

    def _wait_for(self, moment: str, process: subprocess.Popen[bytes]) -> bool:
        """Until the next victim is to be killed; False where the command ends before."""
        if moment == "starting":
            return _lasts(process, self._rng.uniform(0.0, _LONGEST_START_S))
        kind, count = ("trial_ended", NUM_TRIALS) if moment == "confirming" else ("epoch_reported", 0)
        count = count or self._num_events(kind) + self._rng.randint(1, 6)
        while self._num_events(kind) < count:
            if not _lasts(process, 0.05):
                return False
        return _lasts(process, self._rng.uniform(0.0, _LONGEST_CONFIRM_S if moment == "confirming" else 0.3))

    def _kill(self, process: subprocess.Popen[bytes], victim: str) -> bool:
        """Waits until it is there; False where the command ends before."""
        while True:
            try:
                found = self._driver(process) if victim == "driver" else self._workers(process)
                if found:
                    self._rng.choice(found).kill()
                    return True
            except psutil.NoSuchProcess:
                pass  # it has ended by itself
            if not _lasts(process, 0.05):
                return False

    def _driver(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        below: list[psutil.Process] = psutil.Process(process.pid).children()
        return below[:1]

    def _workers(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        above = psutil.Process(self._head.pid if self._head else process.pid)
        return [child for child in above.children(recursive=True) if _WORKER in _title(child)]

    def _num_events(self, kind: str) -> int:
        try:
            database = Database.open_for_reading(StudyPaths(self.root).database)
        except ArchfrontError:
            return 0  # it is not there yet
        try:
            return int(database.rows("SELECT count(*) AS n FROM event WHERE kind = ?", kind)[0]["n"])
        finally:
            database.close()

    def _left(self) -> Iterator[str]:
        for process in psutil.process_iter(["status"]):
            if process.pid in self._before or process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            text = _title(process)
            is_worker = self._head is not None and _WORKER in text and _is_below(process, self._head.pid)
            if is_worker or str(self._folder) in text + _cwd(process):
                yield text[:120]


def _lasts(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Waits; whether the command still runs then."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _is_below(process: psutil.Process, pid: int) -> bool:
    try:
        return any(parent.pid == pid for parent in process.parents())
    except psutil.Error:
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.Error, OSError):
        return ""


def _cwd(process: psutil.Process) -> str:
    try:
        return str(process.cwd())
    except (psutil.Error, OSError):
        return ""
