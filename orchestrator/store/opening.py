"""Making a study, and taking one as its only driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.failpoints import failpoint
from orchestrator.storage import put_once, remove_leftovers
from orchestrator.storage.places import Place
from orchestrator.storage.shared_folder import SharedFolder
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.founding import become_owner, empty_database
from orchestrator.store.identity import Identity, read_identity
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import no_study
from orchestrator.store.remote_study import origin_of, take_remote
from orchestrator.store.schema import check_schema
from orchestrator.store.sealed import to_sealed, write_sealed
from orchestrator.store.store import StudyStore


def create(root: Path, *, name: str, frozen: Mapping[str, Any], frozen_hash: str) -> None:
    """Makes an empty study; its settings are on the disk before its database is.

    Of several drivers that make it at once, one does; the others find it made.
    """
    paths = StudyPaths(root)
    identity = _settled(paths, Identity.new(name=name, frozen=frozen, frozen_hash=frozen_hash))
    failpoint("create.after_settings")
    content = empty_database(identity)
    failpoint("create.before_link")
    put_once(paths.database, content)
    failpoint("create.after_link")


def take(root: Path, *, takeover: bool = False) -> StudyStore:
    """Opens a study as its owner; of a study in remote storage, by what this machine has of it.

    Raises:
        StudyError: there is none, another driver holds it, or a newer archfront wrote it.
    """
    paths = StudyPaths(root)
    if url := origin_of(root):
        return take_remote(url, Place.of_study(url).root, takeover=takeover)
    if not paths.database.exists():
        raise no_study(root)
    database, home = Database.open(paths.database), SharedFolder(root)
    try:
        row = database.rows("SELECT * FROM study")[0]
        check_schema(root, row["schema_version"])
        recorded = lease.Owner.from_json(row["owner"]) if row["owner"] else None
        owner_epoch = lease.claim(home, recorded_epoch=row["owner_epoch"], recorded=recorded, takeover=takeover)
        failpoint("take.after_claim")
        with lease.given_back_on_failure(home, owner_epoch):
            become_owner(database, home, owner_epoch, schema_version=row["schema_version"])
        failpoint("take.after_commit")
        store = StudyStore(paths, database)
    except BaseException:
        database.close()
        raise
    try:
        store.complete_files()
        remove_leftovers(root)
    except BaseException:
        store.close()  # this process may live on, and nobody could take the study from it
        raise
    return store


def _settled(paths: StudyPaths, wanted: Identity) -> Identity:
    """What ``study.json`` says of a study that is being made: ours, or that of a driver that began to make it."""
    put_once(paths.frozen, to_sealed(wanted.to_fields()))
    found = read_identity(paths.frozen)
    if found is None or found.frozen_hash != wanted.frozen_hash:  # of a driver that was killed before it made more
        write_sealed(paths.frozen, wanted.to_fields())
        return wanted
    return found
