"""Reading a study from its directory alone, also while another process writes it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import StudyError
from orchestrator.records import StudySnapshot
from orchestrator.store.database import Database
from orchestrator.store.paths import StudyPaths
from orchestrator.store.rows import read_records
from orchestrator.store.schema import check_schema
from orchestrator.store.snapshot import snapshot_of


def read_snapshot(root: Path) -> StudySnapshot:
    """Everything that was recorded.

    Raises:
        StudyError: there is no study, or a newer archfront wrote it.
    """
    paths = StudyPaths(root)
    if not paths.database.exists():
        raise no_study(root)
    database = Database.open_for_reading(paths.database)
    try:
        check_schema(root, database.rows("SELECT schema_version FROM study")[0]["schema_version"])
        return snapshot_of(database, read_records(database).values())
    finally:
        database.close()


def no_study(root: Path) -> StudyError:
    """Names the studies that are there instead."""
    folder = root.parent
    names = sorted(path.parent.name for path in folder.glob("*/study.db")) if folder.is_dir() else []
    there = f"; {folder} holds: {', '.join(names)}" if names else ""
    return StudyError(f"{root}: no study{there}", hint="archfront search STUDY makes one")
