"""Kills driver and worker processes of real studies on a real Ray at random times, and counts what is wrong then.

Most studies join one long-lived Ray by its address; each fourth starts a Ray of its own, as on a laptop. The ledger is
what the command prints: one line for each trial that it acknowledges.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator import provenance
from orchestrator.records import TrialRecord, TrialState
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_log, read_snapshot
from tests.faults.head import Head, ray_head
from tests.faults.killed_study import NUM_EPOCHS, KilledStudy

KILLS_PER_STUDY = 20
DRIVER_SHARE = 0.4
"""Of the kills; the others are workers'."""


@dataclass(kw_only=True)
class Kills:
    """What was killed and what came of it; written after each study, so that a long run can be cut off."""

    num_drivers: int = 0
    num_workers: int = 0
    num_studies: int = 0
    num_studies_on_own_ray: int = 0
    num_sessions: int = 0
    num_acknowledged: int = 0
    num_epochs: int = 0
    processes_left: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def num_kills(self) -> int:
        return self.num_drivers + self.num_workers


def kill_processes(*, num_kills: int, seed: int, to: Path, driver_share: float = DRIVER_SHARE) -> Kills:
    """Kills drivers and workers; goes on with the counts in ``to`` where they are of the same commit."""
    kills = _earlier(to)
    with ExitStack() as stack:
        head: Head | None = None
        while kills.num_kills < num_kills:
            began = time.monotonic()
            is_own_ray = kills.num_studies % 4 == 3
            if head is None and not is_own_ray:
                head = stack.enter_context(ray_head(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            count = min(KILLS_PER_STUDY, num_kills - kills.num_kills)
            rng = random.Random(f"{seed} {kills.num_studies}")
            victims = (["driver"] * round(count * driver_share) + ["worker"] * count)[:count]
            rng.shuffle(victims)
            with tempfile.TemporaryDirectory(prefix="af") as folder:
                study = KilledStudy(Path(folder), rng=rng, head=None if is_own_ray else head)
                goes_on = _kill(study, victims, kills)
            kills.num_studies += 1
            kills.num_studies_on_own_ray += is_own_ray
            kills.seconds = round(kills.seconds + time.monotonic() - began, 1)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(json.dumps({"kills": asdict(kills), "machine": provenance.collect()}, indent=1) + "\n")
            print(f"{kills.num_kills} of {num_kills} kills, {len(kills.problems)} problems", flush=True)
            if not goes_on:
                break
    return kills


def _earlier(to: Path) -> Kills:
    if not to.exists():
        return Kills()
    earlier = json.loads(to.read_text())
    is_same = earlier["machine"].get("commit") == provenance.collect().get("commit")
    return Kills(**earlier["kills"]) if is_same else Kills()


def _kill(study: KilledStudy, victims: list[str], kills: Kills) -> bool:
    """Session after session until one comes to the end; a study that is faster than its killer leaves victims over.

    Returns:
        Whether it came to its end; one that ends in an error would do so again.
    """
    waiting = list(victims)
    code = 4
    while code == 4:
        kills.num_sessions += 1
        code, killed = study.session(waiting)
        kills.num_drivers += killed.count("driver")
        kills.num_workers += killed.count("worker")
        waiting = waiting[len(killed) :]
        left = study.processes_left()
        kills.processes_left += len(left)
        found = [*(f"left: {text}" for text in left), *_problems_after_kill(study)]
        if code != 0 and not (code == 4 and killed):
            found.append(f"error: exit code {code}: {study.errors()}")
        elif code == 0:
            found += _problems_at_end(study, kills)
        kills.problems += [f"study {kills.num_studies} after {kills.num_kills} kills: {problem}" for problem in found]
        if not killed:
            break  # nobody ended it, and it would end alike again
    return code == 0


def _problems_after_kill(study: KilledStudy) -> Iterator[str]:
    """What may never be, whenever no process of the study lives."""
    records: dict[int, TrialRecord] = {}
    if StudyPaths(study.root).database.exists():
        records = {record.number: record for record in read_snapshot(study.root).records}
        yield from _redone(study.root)
        yield from _duplicated(records)
    yield from _lost(study.told, records)


def _problems_at_end(study: KilledStudy, kills: Kills) -> Iterator[str]:
    records = read_snapshot(study.root).records
    kills.num_acknowledged += len(records)
    kills.num_epochs += sum(len(record.reports) for record in records)
    for record in records:
        if [report.epoch for report in record.reports] != list(range(1, NUM_EPOCHS + 1)):
            yield f"lost: epochs of trial {record.number}"
        if record.state is not TrialState.COMPLETED:
            yield f"lost: trial {record.number} is {record.state} at the end: {record.message}"


def _lost(told: Path, records: dict[int, TrialRecord]) -> Iterator[str]:
    """Trials that the command has printed; a line of a session that was killed may be torn."""
    for line in told.read_text().split("\n")[:-1]:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
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
