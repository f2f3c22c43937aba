"""What makes study.db a study's, and a driver its owner."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.errors import StudyError
from orchestrator.failpoints import failpoint
from orchestrator.storage.remote import Remote
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity
from orchestrator.store.schema import SCHEMA_VERSION, TABLES, upgrade


def empty_database(identity: Identity) -> bytes:
    """What study.db holds before its first driver takes it."""
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "study.db"
        database = Database.open(draft)
        try:
            with database.transaction() as connection:
                failpoint("create.before_commit")
                make_tables(connection, identity)
        finally:
            database.close()
        return draft.read_bytes()


def make_tables(connection: sqlite3.Connection, identity: Identity) -> None:
    """All tables, and the study's own row."""
    for statement in filter(str.strip, TABLES.split(";\n")):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO study (id, schema_version, study_id, name, created_at, frozen, frozen_hash)"
        " VALUES (1, ?, ?, ?, ?, ?, ?)",
        (
            SCHEMA_VERSION,
            identity.study_id,
            identity.name,
            identity.created_at,
            json.dumps(identity.frozen),
            identity.frozen_hash,
        ),
    )


def become_owner(database: Database, home: Remote, owner_epoch: int, *, schema_version: int) -> None:
    """Has study.db name the driver that has claimed an owner epoch.

    Raises:
        StudyError: a later driver has taken the study meanwhile.
    """
    owner = lease.read_owner(home, owner_epoch).to_json()
    with database.transaction() as connection:
        upgrade(connection, schema_version)
        sql = "UPDATE study SET owner_epoch = ?, owner = ? WHERE owner_epoch < ?"
        if connection.execute(sql, (owner_epoch, owner, owner_epoch)).rowcount == 0:
            raise StudyError(f"{home}: another driver has taken this study over meanwhile")
    database.owner_epoch = owner_epoch
