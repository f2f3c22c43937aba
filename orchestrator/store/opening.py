"""Making a study, and taking one as its only driver."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.storage import write_json
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.paths import StudyPaths
from orchestrator.store.schema import SCHEMA_VERSION, TABLES, check_schema
from orchestrator.store.store import StudyStore


def create(root: Path, *, name: str, frozen: Mapping[str, Any], frozen_hash: str) -> None:
    """Makes an empty study; its settings are on the disk before its database is."""
    paths = StudyPaths(root)
    write_json(
        paths.frozen, {"schema_version": SCHEMA_VERSION, "name": name, "frozen": frozen, "frozen_hash": frozen_hash}
    )
    database = Database.open(paths.database)
    try:
        with database.transaction() as connection:
            for statement in filter(str.strip, TABLES.split(";\n")):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO study (id, schema_version, study_id, name, created_at, frozen, frozen_hash)"
                " VALUES (1, ?, ?, ?, ?, ?, ?)",
                (
                    SCHEMA_VERSION,
                    secrets.token_hex(8),
                    name,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    json.dumps(frozen),
                    frozen_hash,
                ),
            )
    finally:
        database.close()


def take(root: Path, *, takeover: bool = False) -> StudyStore:
    """Opens a study as its owner.

    Raises:
        StudyError: another driver holds it, or a newer archfront wrote it.
    """
    paths = StudyPaths(root)
    database = Database.open(paths.database)
    try:
        row = database.rows("SELECT * FROM study")[0]
        check_schema(root, row["schema_version"])
        owner = lease.Owner.current()
        holder = lease.Owner.from_json(row["owner"]) if row["owner"] else None
        if holder is not None and not takeover and holder.may_be_alive():
            raise lease.held_error(root, holder)
        owner_epoch = max(row["owner_epoch"], lease.highest_owner_epoch(paths.owner(0).parent)) + 1
        lease.claim(paths.owner(owner_epoch), owner)
        with database.transaction() as connection:
            connection.execute("UPDATE study SET owner_epoch = ?, owner = ?", (owner_epoch, owner.to_json()))
        database.owner_epoch = owner_epoch
        return StudyStore(paths, database)
    except BaseException:
        database.close()
        raise
