"""The writes that several methods of the store share."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.records import EpochReport, TrialRecord
from orchestrator.store.announcements import Announcement
from orchestrator.store.rows import Ask, Attempt, latency_to_json, seeds_to_json


def insert_ask(connection: sqlite3.Connection, ask: Ask) -> None:
    connection.execute(
        "INSERT INTO ask VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            ask.number,
            ask.point.family,
            json.dumps(ask.point.values),
            ask.refusal,
            json.dumps(ask.violations),
            json.dumps(ask.reason),
            json.dumps(ask.attributes),
        ),
    )


def insert_attempt(connection: sqlite3.Connection, attempt: Attempt, *, owner_epoch: int) -> None:
    connection.execute(
        "INSERT INTO attempt VALUES (?, ?, ?, ?, NULL)", (attempt.trial, attempt.number, attempt.token, owner_epoch)
    )


def insert_announcements(connection: sqlite3.Connection, announcements: Sequence[Announcement]) -> None:
    rows = [(kind, json.dumps(payload)) for kind, payload in announcements]
    connection.executemany("INSERT INTO outbox (kind, payload) VALUES (?, ?)", rows)


def replace_report(connection: sqlite3.Connection, trial: int, report: EpochReport, *, attempt: int) -> None:
    """A later attempt that redoes an epoch replaces what an earlier one said of it, and of all after it."""
    connection.execute("DELETE FROM report WHERE trial = ? AND epoch >= ?", (trial, report.epoch))
    values = report.to_dict()
    values |= {"trial": trial, "attempt": attempt} | (values.pop("phases") or {})
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO report ({columns}) VALUES ({places})", values)  # noqa: S608 - names of fields


def insert_event(
    connection: sqlite3.Connection, kind: str, *, trial: int | None, owner_epoch: int, detail: Mapping[str, Any]
) -> int:
    """Appends an event; the one before it is the last that its decision saw, because one thread decides."""
    cursor = connection.execute(
        "INSERT INTO event (at, owner_epoch, kind, trial, detail) VALUES (?, ?, ?, ?, ?)",
        (datetime.now(UTC).isoformat(timespec="milliseconds"), owner_epoch, kind, trial, json.dumps(detail)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def insert_trial(connection: sqlite3.Connection, ask: Ask, record: TrialRecord) -> None:
    connection.execute(
        "INSERT INTO trial (number, ask, family, architecture, architecture_id, num_parameters, macs,"
        " predicted_latency_ms, file_bytes, peak_memory_bytes, predicted_throughput_per_s, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.number,
            ask.number,
            record.family,
            json.dumps(record.architecture),
            record.architecture_id,
            record.num_parameters,
            record.macs,
            record.predicted_latency_ms,
            record.file_bytes,
            record.peak_memory_bytes,
            record.predicted_throughput_per_s,
            record.state,
        ),
    )


def update_trial(connection: sqlite3.Connection, record: TrialRecord) -> None:
    connection.execute(
        "UPDATE trial SET state = ?, cause = ?, message = ?, accuracy = ?, loss = ?, wall_time_s = ?, latency = ?,"
        " throughput = ?, test_accuracy = ?, test_score = ?, predicted_accuracy = ?, seeds = ?, retrained = ?"
        " WHERE number = ?",
        (
            record.state,
            record.cause,
            record.message,
            record.accuracy,
            record.loss,
            record.wall_time_s,
            latency_to_json(record.latency) if record.latency else None,
            latency_to_json(record.throughput) if record.throughput else None,
            record.test_accuracy,
            json.dumps(record.test_score.to_dict()) if record.test_score else None,
            record.predicted_accuracy,
            seeds_to_json(record.seeds) if record.seeds else None,
            json.dumps(record.retrained.to_dict()) if record.retrained else None,
            record.number,
        ),
    )


def end_running_attempt(connection: sqlite3.Connection, trial: int, how: str) -> None:
    connection.execute("UPDATE attempt SET ended = ? WHERE trial = ? AND ended IS NULL", (how, trial))
