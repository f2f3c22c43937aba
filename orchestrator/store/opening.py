"""Making a study, and taking one as its only driver."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from orchestrator.errors import StudyError
from orchestrator.failpoints import failpoint
from orchestrator.storage import put_once, remove_leftovers
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity, read_identity
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import no_study
from orchestrator.store.schema import SCHEMA_VERSION, TABLES, check_schema, upgrade
from orchestrator.store.sealed import to_sealed, write_sealed
from orchestrator.store.store import StudyStore


def create(root: Path, *, name: str, frozen: Mapping[str, Any], frozen_hash: str) -> None:
    """Makes an empty study; its settings are on the disk before its database is.

    Of several drivers that make it at once, one does; the others find it made.
    """
    paths = StudyPaths(root)
    identity = _settled(paths, Identity.new(name=name, frozen=frozen, frozen_hash=frozen_hash))
    failpoint("create.after_settings")
    with TemporaryDirectory() as folder:
        draft = Path(folder) / paths.database.name
        database = Database.open(draft)
        try:
            with database.transaction() as connection:
                failpoint("create.before_commit")
                make_tables(connection, identity)
        finally:
            database.close()
        failpoint("create.before_link")
        put_once(paths.database, draft.read_bytes())
    failpoint("create.after_link")


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


def take(root: Path, *, takeover: bool = False) -> StudyStore:
    """Opens a study as its owner.

    Raises:
        StudyError: there is none, another driver holds it, or a newer archfront wrote it.
    """
    paths = StudyPaths(root)
    if not paths.database.exists():
        raise no_study(root)
    database = Database.open(paths.database)
    try:
        row = database.rows("SELECT * FROM study")[0]
        check_schema(root, row["schema_version"])
        recorded = lease.Owner.from_json(row["owner"]) if row["owner"] else None
        owner_epoch = lease.claim(paths, recorded_epoch=row["owner_epoch"], recorded=recorded, takeover=takeover)
        failpoint("take.after_claim")
        _become_owner(database, paths, owner_epoch, schema_version=row["schema_version"])
        failpoint("take.after_commit")
        store = StudyStore(paths, database)
        store.complete_files()
        remove_leftovers(root)
    except BaseException:
        database.close()
        raise
    return store


def _become_owner(database: Database, paths: StudyPaths, owner_epoch: int, *, schema_version: int) -> None:
    with database.transaction() as connection:
        upgrade(connection, schema_version)
        owner = paths.owner(owner_epoch).read_text(encoding="utf-8")
        sql = "UPDATE study SET owner_epoch = ?, owner = ? WHERE owner_epoch < ?"
        if connection.execute(sql, (owner_epoch, owner, owner_epoch)).rowcount == 0:
            raise StudyError(f"{paths.root}: another driver has taken this study over meanwhile")
    database.owner_epoch = owner_epoch


def _settled(paths: StudyPaths, wanted: Identity) -> Identity:
    """What ``study.json`` says of a study that is being made: ours, or that of a driver that began to make it."""
    put_once(paths.frozen, to_sealed(wanted.to_fields()))
    found = read_identity(paths.frozen)
    if found is None or found.frozen_hash != wanted.frozen_hash:  # of a driver that was killed before it made more
        write_sealed(paths.frozen, wanted.to_fields())
        return wanted
    return found
