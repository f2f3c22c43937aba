"""Compares what a study told and did (its ledger) with what it holds: store, files, tracking."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.export.checksums import check_sums
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import front
from orchestrator.store.database import Database
from orchestrator.store.reading import read_log, read_snapshot
from tests.faults.ledger import read_lines
from tests.faults.toy import paths_of

Decided = list[tuple[object, ...]]


def problems_after_kill(folder: Path) -> Iterator[str]:
    """What may never be, at any moment."""
    lines = read_lines(folder / "ledger.jsonl")
    yield from _redone_epochs(lines)
    if not any(line["kind"] in ("reported", "acknowledged") for line in lines):
        return  # nothing was promised: there need not even be a study
    records = {record.number: record for record in read_snapshot(paths_of(folder).root).records}
    yield from _lost(lines, records)
    exported = folder / "exported"
    if exported.exists():
        check_sums(exported, required=("architecture.json",))


def problems_at_end(folder: Path) -> Iterator[str]:
    """What must be when the study has ended, beside ``problems_after_kill``."""
    yield from problems_after_kill(folder)
    records = {record.number: record for record in read_snapshot(paths_of(folder).root).records}
    yield from _duplicates(read_lines(folder / "ledger.jsonl"), records)
    yield from _wrong_files(folder, records)
    yield from _wrong_tracking(folder, records)
    if not (folder / "exported").exists():
        yield "lost: the export"


def decided(folder: Path) -> Decided:
    """Of each trial its suggestion, its end and every accuracy on the way; at last the front."""
    log = read_log(paths_of(folder).root)
    snapshot = read_snapshot(paths_of(folder).root)
    trials: Decided = [
        (
            log.asks[log.ask_of[record.number]].point,
            record.state,
            record.cause,
            [report.accuracy for report in record.reports],
        )
        for record in log.records.values()
    ]
    members = front(snapshot.records, snapshot.objectives, snapshot.constraints)
    return [*trials, tuple(record.number for record in members)]


def _lost(lines: list[dict[str, Any]], records: dict[int, TrialRecord]) -> Iterator[str]:
    """Trials and epochs that somebody was told of."""
    for line in lines:
        record = records.get(line.get("trial", -1))
        if line["kind"] == "acknowledged" and (
            record is None or (record.state, record.accuracy) != (line["state"], line["accuracy"])
        ):
            yield f"lost: trial {line['trial']} was {line['state']} and is {record.state if record else 'absent'}"
        if line["kind"] == "reported":
            told = (line["epoch"], line["accuracy"])
            if record is None or told not in [(report.epoch, report.accuracy) for report in record.reports]:
                yield f"lost: epoch {line['epoch']} of trial {line['trial']}"


def _redone_epochs(lines: list[dict[str, Any]]) -> Iterator[str]:
    """An attempt goes on with the last epoch of the one before, or with the next."""
    last: dict[int, tuple[int, int]] = {}
    for line in lines:
        if line["kind"] != "trained":
            continue
        attempt, epoch = last.get(line["trial"], (line["attempt"], 0))
        redone = epoch + 1 - line["epoch"]
        if redone not in ((0,) if line["attempt"] == attempt else (0, 1)):
            yield f"redone: trial {line['trial']}: epoch {line['epoch']} was trained after epoch {epoch}"
        last[line["trial"]] = (line["attempt"], line["epoch"])


def num_redone(folder: Path) -> int:
    """Epochs that were trained more than once."""
    trained = Counter(
        (line["trial"], line["epoch"]) for line in read_lines(folder / "ledger.jsonl") if line["kind"] == "trained"
    )
    return sum(count - 1 for count in trained.values())


def _duplicates(lines: list[dict[str, Any]], records: dict[int, TrialRecord]) -> Iterator[str]:
    ended: set[int] = set()
    for line in lines:
        if line["kind"] in ("trained", "started", "acknowledged") and line["trial"] in ended:
            yield f"duplicated: trial {line['trial']} was {line['kind']} after its end was told"
        if line["kind"] == "acknowledged":
            ended.add(line["trial"])
    architectures = Counter(record.architecture_id for record in records.values())
    for name, count in architectures.items():
        if count > 1:
            yield f"duplicated: {name} is {count} trials"
    if sorted(records) != list(range(len(records))):
        yield f"lost: numbers {sorted(records)} have gaps"
    for record in records.values():
        if not record.state.is_end:
            yield f"lost: trial {record.number} is {record.state} at the end of the study"


def _wrong_files(folder: Path, records: dict[int, TrialRecord]) -> Iterator[str]:
    paths = paths_of(folder)
    for record in records.values():
        trial = paths.trial(record.number)
        for path in (trial.start, trial.final):
            if not path.exists():
                yield f"file: {path.relative_to(folder)} is absent"
                return
        final = json.loads(trial.final.read_text())
        measured = final["latency"]["median_ms"] if final["latency"] else None
        told = (final["state"], final["accuracy"], final["attempt"], len(final["reports"]), measured)
        latency = record.latency.median_ms if record.latency else None
        if told != (record.state, record.accuracy, record.num_attempts, len(record.reports), latency):
            yield f"file: {trial.final.relative_to(folder)} says {told}"
        if trial.checkpoints.exists():
            yield f"file: {trial.checkpoints.relative_to(folder)} is left"
    for left in paths.root.rglob(".*"):
        yield f"file: {left.relative_to(folder)} is left"


def _wrong_tracking(folder: Path, records: dict[int, TrialRecord]) -> Iterator[str]:
    """Sending twice is harmless only if both say the same."""
    database = Database.open_for_reading(paths_of(folder).database)
    waiting = database.rows("SELECT count(*) AS n FROM outbox")[0]["n"]
    database.close()
    if waiting:
        yield f"tracking: {waiting} rows were not sent"
    received = read_lines(folder / "received.jsonl")
    by_seq: dict[int, Any] = {}
    for line in received:
        if by_seq.setdefault(line["seq"], line) != line:
            yield f"tracking: row {line['seq']} came twice with different content"
    if sorted(by_seq) != list(range(1, len(by_seq) + 1)):
        yield "tracking: rows are missing"
    epochs = {
        (line["payload"]["number"], line["payload"]["epoch"]): line["payload"]["metrics"]["accuracy"]
        for line in by_seq.values()
        if line["kind"] == "epoch_reported"
    }
    ends = {line["payload"]["number"]: line["payload"] for line in received if line["kind"] == "trial_ended"}
    for record in records.values():
        end = ends.get(record.number, {"state": None, "metrics": {}})
        if (end["state"], end["metrics"].get("accuracy")) != (record.state, record.accuracy):
            yield f"tracking: trial {record.number} is {record.state} and shown as {end['state']}"
        is_reused = record.state is TrialState.COMPLETED and record.cause is not None
        for report in () if is_reused else record.reports:
            if epochs.get((record.number, report.epoch)) != report.accuracy:
                yield f"tracking: epoch {report.epoch} of trial {record.number} is missing"
