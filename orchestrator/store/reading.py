"""Reading a study from its directory alone, also while another process writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import StudyError
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.store.database import Database
from orchestrator.store.paths import StudyPaths
from orchestrator.store.rows import Ask, read_asks, read_records
from orchestrator.store.schema import check_schema
from orchestrator.store.snapshot import snapshot_of

REPAIRED = "study_repaired"
"""The event that begins the log of a study whose database was rebuilt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    """One row of the event log; ``detail`` holds JSON values."""

    seq: int
    at: str
    kind: str
    trial: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyLog:
    """Everything that was suggested, decided and reported, in order.

    Attributes:
        frozen: the settings that may not change, as JSON values.
        constants: what was measured before the first ask.
        ask_of: the suggestion that each trial came from.
        records: by trial number, as they are now.
    """

    name: str
    frozen: Mapping[str, Any]
    constants: Mapping[str, Any]
    asks: Sequence[Ask]
    ask_of: Mapping[int, int]
    records: Mapping[int, TrialRecord]
    events: Sequence[LoggedEvent]


def read_snapshot(root: Path) -> StudySnapshot:
    """Everything that was recorded.

    Raises:
        StudyError: there is no study, or a newer archfront wrote it.
    """
    with opened(root) as database, database.one_moment():
        return snapshot_of(database, read_records(database).values())


def read_log(root: Path) -> StudyLog:
    """How it came to be.

    Raises:
        StudyError: there is no study, or a newer archfront wrote it.
    """
    with opened(root) as database, database.one_moment():
        study = database.rows("SELECT * FROM study")[0]
        return StudyLog(
            name=study["name"],
            frozen=json.loads(study["frozen"]),
            constants=json.loads(study["constants"]),
            asks=read_asks(database),
            ask_of={row["number"]: row["ask"] for row in database.rows("SELECT number, ask FROM trial")},
            records=read_records(database),
            events=[
                LoggedEvent(
                    seq=row["seq"],
                    at=row["at"],
                    kind=row["kind"],
                    trial=row["trial"],
                    detail=json.loads(row["detail"]),
                )
                for row in database.rows("SELECT * FROM event ORDER BY seq")
            ],
        )


@contextmanager
def opened(root: Path) -> Iterator[Database]:
    """The study's database, for reading alone.

    Raises:
        StudyError: there is no study, it is damaged, or a newer archfront wrote it.
    """
    paths = StudyPaths(root)
    if not paths.database.exists():
        raise no_study(root)
    with damage_in_words(paths.database):
        database = Database.open_for_reading(paths.database)
        try:
            check_schema(root, database.rows("SELECT schema_version FROM study")[0]["schema_version"])
            yield database
        finally:
            database.close()


_STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """What reading a database within the block stumbles over, as an error that says what to do.

    Raises:
        StudyError: it holds what archfront does not write: a disk has changed it, or a person.
    """
    try:
        yield
    except (sqlite3.Error, *_STUMBLES) as error:
        raise StudyError(
            f"{path}: is damaged: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
            hint=f"archfront repair {path.parent} rebuilds it from the files beside it",
        ) from error


def no_study(root: Path) -> StudyError:
    """Names the studies that are there instead, or the way to bring this one's database back."""
    if StudyPaths(root).frozen.exists():
        return StudyError(
            f"{root}: study.db is gone", hint=f"archfront repair {root} makes it anew from the trials' folders"
        )
    folder = root.parent
    names = sorted(path.parent.name for path in folder.glob("*/study.db")) if folder.is_dir() else []
    there = f"; {folder} holds: {', '.join(names)}" if names else ""
    return StudyError(f"{root}: no study{there}", hint="archfront search STUDY makes one")
