"""A study at one look, for those who don't own it: who holds it, since when, and what happened last.

Only reads, each time in a transaction of milliseconds, so that the driver is never kept waiting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.records import StudySnapshot
from orchestrator.store.database import Database
from orchestrator.store.lease import Owner
from orchestrator.store.reading import opened
from orchestrator.store.rows import DEATHS, read_records
from orchestrator.store.snapshot import snapshot_of

SESSION = "session_began"
"""The event by which a session notes its budget and its command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """What study.db says at one moment.

    Attributes:
        owner: who holds the study, or died with it in hand; None where it was given back.
        session: what the newest session noted of itself; empty where it noted nothing.
        began_at: when that session took the study; None before the first.
        last_at: of the newest event.
        ended_at: when each trial that this session has brought to its end has ended.
        started_at: when each trial began.
        kinds: of this session's events.
        num_unsent: events that MLflow does not have yet.
        unsent_since: when the oldest of them happened.
        deaths: attempts that ended with the death of their workers, newest first: trial, how, when.
    """

    snapshot: StudySnapshot
    owner: Owner | None
    owner_epoch: int
    session: Mapping[str, Any]
    began_at: datetime | None
    last_at: datetime | None
    ended_at: Mapping[int, datetime]
    started_at: Mapping[int, datetime]
    kinds: Mapping[str, int]
    num_unsent: int
    unsent_since: datetime | None
    deaths: tuple[tuple[int, str, datetime], ...]


def glance(root: Path) -> Glance:
    """Looks at a study.

    Raises:
        StudyError: there is none, or a newer archfront wrote it.
    """
    with opened(root) as database, database.one_moment():
        study = database.rows("SELECT * FROM study")[0]
        epoch = study["owner_epoch"]
        session = database.rows("SELECT detail FROM event WHERE kind = ? ORDER BY seq DESC LIMIT 1", SESSION)
        first, last = _moment(database, "min", epoch), _moment(database, "max", epoch)
        return Glance(
            snapshot=snapshot_of(database, read_records(database).values()),
            owner=Owner.from_json(study["owner"]) if study["owner"] else None,
            owner_epoch=epoch,
            session=json.loads(session[0]["detail"]) if session else {},
            began_at=first,
            last_at=last,
            ended_at=_times(database, "trial_ended", epoch),
            started_at=_times(database, "trial_started", None),
            kinds={
                row["kind"]: row["n"]
                for row in database.rows(
                    "SELECT kind, count(*) AS n FROM event WHERE owner_epoch = ? GROUP BY kind", epoch
                )
            },
            **_outbox(database),
            deaths=_deaths(database),
        )


def _moment(database: Database, which: str, epoch: int) -> datetime | None:
    row = database.rows(f"SELECT {which}(at) AS at FROM event WHERE owner_epoch = ?", epoch)[0]  # noqa: S608 - min, max
    return datetime.fromisoformat(row["at"]) if row["at"] else None


def _times(database: Database, kind: str, epoch: int | None) -> dict[int, datetime]:
    of_session = "AND owner_epoch = coalesce(?, owner_epoch)"
    sql = f"SELECT trial, max(at) AS at FROM event WHERE kind = ? {of_session} GROUP BY trial"  # noqa: S608 - constant
    rows = database.rows(sql, kind, epoch)
    return {row["trial"]: datetime.fromisoformat(row["at"]) for row in rows}


def _outbox(database: Database) -> dict[str, Any]:
    count = database.rows("SELECT count(*) AS n FROM outbox")[0]["n"]
    oldest = database.rows("SELECT payload FROM outbox ORDER BY seq LIMIT 1")
    at_ms = json.loads(oldest[0]["payload"]).get("timestamp_ms") if oldest else None
    since = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
    return {"num_unsent": count, "unsent_since": since}


def _deaths(database: Database) -> tuple[tuple[int, str, datetime], ...]:
    rows = database.rows("SELECT trial, at, detail FROM event WHERE kind = 'attempt_ended' ORDER BY seq DESC LIMIT 50")
    told = ((row["trial"], json.loads(row["detail"])["how"], datetime.fromisoformat(row["at"])) for row in rows)
    return tuple(death for death in told if death[1] in DEATHS)
