"""The second copy of a study: files beside study.db, sealed by a checksum, from which it can be rebuilt.

Everything is written after the COMMIT that it follows from, and completed when the study is next taken, so a kill in
between leaves nothing out for good.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.records import Cause, EpochReport, Retraining, SeedResult, TrialRecord, TrialState
from orchestrator.scores import ClassificationScore
from orchestrator.storage import storage_error, write_bytes
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity, read_identity
from orchestrator.store.paths import StudyPaths, TrialPaths
from orchestrator.store.rows import Ask, latency_from_json, read_asks, untupled
from orchestrator.store.sealed import SEAL, is_whole, parse_sealed, read_sealed, sealed_line, to_sealed, write_sealed
from search_spaces.space import Point

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialCopy:
    """What a trial's directory says of it.

    Attributes:
        refused: suggestions that were refused since the trial before this one.
        attempts: rows of the table ``attempt`` without the trial's number.
    """

    record: TrialRecord
    ask: Ask
    refused: tuple[Ask, ...]
    attempts: tuple[Mapping[str, Any], ...]


class Copies:
    """Writes the copies of a study that this process owns."""

    def __init__(self, paths: StudyPaths, database: Database) -> None:
        self._paths = paths
        self._database = database

    def write_start(self, record: TrialRecord) -> None:
        """``trial.json``: of a trial that begins, or begins again.

        It is not synced: up to a millisecond a trial in the driver's loop (ext4, n = 2,000) would help only where a
        power cut takes study.db too, which is synced. What it tears is made good from there when the study is next
        taken, and ``final.json``, which holds all of it again, is synced.
        """
        write_sealed(self._paths.trial(record.number).start, self._fields(record), is_synced=False)

    def append_report(self, trial: int, report: EpochReport) -> None:
        """A line of ``reports.jsonl``; a line of the same epoch or a later one before it is void.

        It is not synced, as ``trial.json`` is not: 1.2 ms an epoch (p95 5.7; ext4 on a loaded machine, n = 400).
        """
        path, line = self._paths.trial(trial).reports, _line(report)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise storage_error(path, error, num_bytes=len(line)) from error

    def write_end(self, record: TrialRecord, *, token: str, event: int) -> None:
        """``final.json``: of a trial that has ended, or was measured after its end."""
        fields = self._fields(record) | {"attempt": record.num_attempts, "token": token, "event": event}
        write_sealed(self._paths.trial(record.number).final, fields)

    def write_constants(self, constants: Mapping[str, Any], *, wall_time_s: float) -> None:
        """``constants.json``: what was measured before the first ask, and how long the sessions took."""
        write_sealed(self._paths.constants, {"constants": constants, "wall_time_s": wall_time_s})

    def complete(self, records: Mapping[int, TrialRecord], tokens: Mapping[int, str]) -> None:
        """Writes what a driver that was killed between a COMMIT and a file left out, and removes what it left over."""
        study = self._database.rows("SELECT * FROM study")[0]
        self._complete_constants(study)
        identity = identity_of(study)
        had_copies = read_identity(self._paths.frozen) == identity  # an earlier archfront wrote less into all of them
        for number, record in records.items():
            if record.state.is_end:
                self._complete_end(record, token=tokens[number], is_trusted=had_copies)
            else:
                self._complete_start(record)
        if not had_copies:
            write_sealed(self._paths.frozen, identity.to_fields())

    def _complete_constants(self, study: sqlite3.Row) -> None:
        fields = {"constants": json.loads(study["constants"]), "wall_time_s": study["wall_time_s"]}
        if fields["constants"] and read_sealed(self._paths.constants) != parse_sealed(to_sealed(fields)):
            write_sealed(self._paths.constants, fields)

    def _complete_start(self, record: TrialRecord) -> None:
        paths = self._paths.trial(record.number)
        copy = read_trial(paths.start)
        if copy is None or len(copy.attempts) != record.num_attempts:
            self.write_start(record)
        if read_reports(paths.reports) != record.reports:
            write_bytes(paths.reports, b"".join(_line(report) for report in record.reports))

    def _complete_end(self, record: TrialRecord, *, token: str, is_trusted: bool) -> None:
        paths = self._paths.trial(record.number)
        is_confirmed = (record.latency or record.test_accuracy or record.retrained) is not None or record.seeds != ()
        is_there = paths.final.exists()
        if is_there and (is_confirmed or not is_trusted):  # thousands are not read each time
            copy = read_trial(paths.final)
            is_there = copy is not None and copy.record == record
        if not is_there:
            sql = "SELECT max(seq) AS seq FROM event WHERE trial = ? AND kind != 'epoch_reported'"
            self.write_end(record, token=token, event=self._database.rows(sql, record.number)[0]["seq"] or 0)
        if not paths.start.exists():
            self.write_start(record)
        shutil.rmtree(paths.checkpoints, ignore_errors=True)

    def _fields(self, record: TrialRecord) -> dict[str, Any]:
        trial = self._database.rows(
            "SELECT ask, (SELECT max(ask) FROM trial AS other WHERE other.ask < trial.ask) AS before FROM trial"
            " WHERE number = ?",
            record.number,
        )[0]
        first = 0 if trial["before"] is None else trial["before"] + 1
        *refused, ask = read_asks(self._database, first=first, last=trial["ask"])
        attempts = self._database.rows(
            "SELECT number, token, owner_epoch, ended FROM attempt WHERE trial = ? ORDER BY number", record.number
        )
        return {
            **_record_fields(record),
            "schema_version": SCHEMA_VERSION,
            "ask": _ask_fields(ask),
            "refused": [_ask_fields(one) for one in refused],
            "attempts": [dict(attempt) for attempt in attempts],
        }


def read_trial(path: Path) -> TrialCopy | None:
    """What ``trial.json`` or ``final.json`` says; None where it is absent, damaged, or of an earlier archfront."""
    fields = read_sealed(path)
    if fields is None or fields.get("schema_version") != SCHEMA_VERSION:
        return None
    try:
        return TrialCopy(
            record=_record(fields),
            ask=_ask(fields["ask"]),
            refused=tuple(map(_ask, fields["refused"])),
            attempts=tuple(fields["attempts"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def read_reports(path: Path) -> tuple[EpochReport, ...]:
    """The epochs of ``reports.jsonl``, up to the first line that is torn."""
    reports: dict[int, EpochReport] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ()
    for line in lines:
        report = _report(line)
        if report is None:
            break
        reports = {epoch: earlier for epoch, earlier in reports.items() if epoch < report.epoch}
        reports[report.epoch] = report
    return tuple(reports.values())


def identity_of(row: sqlite3.Row) -> Identity:
    """The study's own row in study.db."""
    fields = {name: row[name] for name in ("study_id", "name", "created_at", "frozen_hash")}
    return Identity(**fields, frozen=json.loads(row["frozen"]))


def trial_folders(paths: StudyPaths) -> dict[int, TrialPaths]:
    """The directories of trials by number."""
    folders = (folder for folder in paths.trials.glob("*") if folder.name.isdecimal() and folder.is_dir())
    return {int(folder.name): TrialPaths(folder) for folder in sorted(folders)}


def _line(report: EpochReport) -> bytes:
    return (sealed_line(report.to_dict()) + "\n").encode()


def _report(line: str) -> EpochReport | None:
    try:
        fields = json.loads(line)
        if not is_whole(fields):
            return None
        return EpochReport.from_dict({name: value for name, value in fields.items() if name != SEAL})
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def _record_fields(record: TrialRecord) -> dict[str, Any]:
    return {
        **{name: getattr(record, name) for name in TrialRecord.__slots__},
        "reports": [report.to_dict() for report in record.reports],
        "latency": asdict(record.latency) if record.latency else None,
        "throughput": asdict(record.throughput) if record.throughput else None,
        "test_score": record.test_score.to_dict() if record.test_score else None,
        "seeds": [asdict(one) for one in record.seeds],
        "retrained": record.retrained.to_dict() if record.retrained else None,
    }


def _record(fields: Mapping[str, Any]) -> TrialRecord:
    values = {name: fields[name] for name in TrialRecord.__dataclass_fields__ if name in fields}
    return TrialRecord(
        **{
            **values,
            "state": TrialState(fields["state"]),
            "cause": Cause(fields["cause"]) if fields["cause"] else None,
            "reports": tuple(map(EpochReport.from_dict, fields["reports"])),
            "latency": latency_from_json(json.dumps(fields["latency"])) if fields["latency"] else None,
            "throughput": latency_from_json(json.dumps(found)) if (found := fields.get("throughput")) else None,
            "test_score": ClassificationScore.from_dict(fields["test_score"]) if fields["test_score"] else None,
            "seeds": tuple(map(SeedResult.from_dict, fields.get("seeds", ()))),
            "retrained": Retraining.from_dict(fields["retrained"]) if fields.get("retrained") else None,
        }
    )


def _ask_fields(ask: Ask) -> dict[str, Any]:
    point = {"family": ask.point.family, "values": ask.point.values}
    return {**{name: getattr(ask, name) for name in Ask.__slots__}, "point": point}


def _ask(fields: Mapping[str, Any]) -> Ask:
    point = Point(family=fields["point"]["family"], values=untupled(fields["point"]["values"]))
    return Ask(**{**fields, "point": point})
