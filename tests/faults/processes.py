"""Kills driver and worker processes of real studies on a local Ray at random times, and counts what is wrong then.

The ledger is what the command prints: one line for each trial that it acknowledges.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from orchestrator import provenance
from orchestrator.errors import ArchfrontError
from orchestrator.records import TrialRecord, TrialState
from orchestrator.store.reading import read_log, read_snapshot

STUDY = """
[study]
name = "killed"
scheduler = "none"
[space.densenet]
growth_rate = [4, 8]
num_blocks = 2
num_layers = { low = 1, high = 2 }
num_init_features = 8
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[recipe]
epochs = 25
decay_share = 0.25
max_shift = 1
[budget]
trials = 6
[resources]
max_concurrent_trials = 2
max_attempts = 20
[tracking]
enabled = false
"""

_ROOT = Path(__file__).parents[2]
_WORKER = "ImplicitFunc"
"""In the title of an actor in which Tune trains."""


@dataclass(kw_only=True)
class Kills:
    """What was killed and what came of it; written after each study, so that a long run can be cut off."""

    num_drivers: int = 0
    num_workers: int = 0
    num_studies: int = 0
    num_sessions: int = 0
    num_acknowledged: int = 0
    num_epochs: int = 0
    processes_left: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def num_kills(self) -> int:
        return self.num_drivers + self.num_workers


def kill_processes(*, num_kills: int, seed: int, to: Path, kills_per_study: int = 6) -> Kills:
    """Kills drivers and workers in turn; goes on with the counts in ``to`` where they are of the same commit."""
    kills = _earlier(to)
    while kills.num_kills < num_kills:
        count = min(kills_per_study, num_kills - kills.num_kills)
        rng = random.Random(f"{seed} {kills.num_studies}")
        victims = (["driver", "worker"] * count)[:count]
        rng.shuffle(victims)
        with tempfile.TemporaryDirectory(prefix="af") as folder:
            _KilledStudy(Path(folder), kills, rng).run(victims)
        kills.num_studies += 1
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps({"kills": asdict(kills), "machine": provenance.collect()}, indent=1) + "\n")
        print(f"{kills.num_kills} of {num_kills} kills, {len(kills.problems)} problems", flush=True)
    return kills


def _earlier(to: Path) -> Kills:
    if not to.exists():
        return Kills()
    earlier = json.loads(to.read_text())
    is_same = earlier["machine"].get("commit") == provenance.collect().get("commit")
    return Kills(**earlier["kills"]) if is_same else Kills()


class _KilledStudy:
    """One study, resumed after each kill of its driver until it ends."""

    def __init__(self, folder: Path, kills: Kills, rng: random.Random) -> None:
        self._folder = folder
        self._kills = kills
        self._rng = rng
        self._study = folder / "runs" / "killed"
        self._told = folder / "told.jsonl"
        (folder / "killed.toml").write_text(STUDY)
        self._before = {process.pid for process in psutil.process_iter()}

    def run(self, victims: list[str]) -> None:
        waiting = list(victims)
        while True:
            code = self._session(waiting)
            self._check()
            if code == 0:
                break
            if code != 4:
                self._problem(f"error: exit code {code}: {(self._folder / 'errors').read_text()[-500:]}")
                return
        records = read_snapshot(self._study).records
        self._kills.num_acknowledged += len(records)
        self._kills.num_epochs += sum(len(record.reports) for record in records)
        for record in records:
            if [report.epoch for report in record.reports] != list(range(1, 26)):
                self._problem(f"lost: epochs of trial {record.number}")
            if record.state is not TrialState.COMPLETED:
                self._problem(f"lost: trial {record.number} is {record.state} at the end: {record.message}")

    def _session(self, waiting: list[str]) -> int:
        """One command from its start to its end; kills what comes next in ``waiting`` while it lasts."""
        self._kills.num_sessions += 1
        with self._told.open("a") as told, (self._folder / "errors").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", "search", "killed.toml", "--json"],
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
                stdout=told,
                stderr=errors,
            )
            try:
                while waiting and self._wait_for_epochs(process, self._rng.randint(2, 8)):
                    if self._kill(process, waiting[0]) and waiting.pop(0) == "driver":
                        break
                return process.wait(timeout=280)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()

    def _wait_for_epochs(self, process: subprocess.Popen[bytes], count: int) -> bool:
        """Until so many more epochs are reported, and a random time on; False where the command ends before."""
        before = self._num_events()
        while self._num_events() < before + count:
            if process.poll() is not None:
                return False
            time.sleep(0.05)
        time.sleep(self._rng.uniform(0.0, 0.3))
        return process.poll() is None

    def _kill(self, process: subprocess.Popen[bytes], victim: str) -> bool:
        """Whether it was there to be killed."""
        try:
            children = psutil.Process(process.pid).children(recursive=True)
            if victim == "driver":
                children[0].kill()
                self._kills.num_drivers += 1
                return True
            workers = [child for child in children if _WORKER in " ".join(child.cmdline())]
            if workers:
                self._rng.choice(workers).kill()
                self._kills.num_workers += 1
            return bool(workers)
        except (psutil.NoSuchProcess, IndexError):
            return False

    def _num_events(self) -> int:
        try:
            return sum(event.kind == "epoch_reported" for event in read_log(self._study).events)
        except ArchfrontError:
            return 0  # it is not there yet

    def _check(self) -> None:
        """What may never be, whenever no process of the study lives."""
        left = list(self._left())
        self._kills.processes_left += len(left)
        for text in left:
            self._problem(f"left: {text}")
        records = {record.number: record for record in read_snapshot(self._study).records}
        for problem in (*_lost(self._told, records), *_redone(self._study), *_duplicated(records)):
            self._problem(problem)

    def _left(self) -> Iterator[str]:
        for process in psutil.process_iter(["cmdline", "status"]):
            text = " ".join(process.info["cmdline"] or [])
            is_new = process.pid not in self._before and process.info["status"] != psutil.STATUS_ZOMBIE
            if is_new and str(self._folder) in text + _cwd(process):
                yield text[:120]

    def _problem(self, text: str) -> None:
        self._kills.problems.append(f"study {self._kills.num_studies} after {self._kills.num_kills} kills: {text}")


def _lost(told: Path, records: dict[int, TrialRecord]) -> Iterator[str]:
    """Trials that the command has printed; its last line may be torn."""
    for line in told.read_text().split("\n")[:-1]:
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "trial":
            continue
        record = records.get(event["trial"])
        if record is None or (record.state, record.accuracy) != (event["state"], event["accuracy"]):
            yield f"lost: trial {event['trial']} was told as {event['state']}"


def _redone(study: Path) -> Iterator[str]:
    """An attempt goes on with the epoch that was reported last, or with the next."""
    last: dict[int, int] = {}
    for event in read_log(study).events:
        if event.kind == "epoch_reported" and event.trial is not None:
            epoch = event.detail["epoch"]
            if epoch not in (last.get(event.trial, 0), last.get(event.trial, 0) + 1):
                yield f"redone: trial {event.trial}: epoch {epoch} came after {last.get(event.trial)}"
            last[event.trial] = epoch


def _duplicated(records: dict[int, TrialRecord]) -> Iterator[str]:
    counts = Counter(record.architecture_id for record in records.values())
    for name, count in counts.items():
        if count > 1:
            yield f"duplicated: {name} is {count} trials"


def _cwd(process: psutil.Process) -> str:
    try:
        return str(process.cwd())
    except (psutil.Error, OSError):
        return ""
