"""A study in remote storage: made, taken by its only driver, and copied to be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError, StudyError
from orchestrator.storage import read_json, storage_error, write_bytes, write_json
from orchestrator.storage.files import temporary_name
from orchestrator.storage.places import copy_folder, remote_url
from orchestrator.storage.remote import FIRST_PATIENCE_S, Remote, open_remote
from orchestrator.store import lease
from orchestrator.store.database import Database
from orchestrator.store.founding import become_owner, empty_database
from orchestrator.store.history import rebuild, seal_earlier
from orchestrator.store.home import RemoteHome
from orchestrator.store.identity import Identity, parse_identity
from orchestrator.store.paths import StudyPaths
from orchestrator.store.remote_log import RemoteLog
from orchestrator.store.schema import check_schema
from orchestrator.store.sealed import to_sealed
from orchestrator.store.segments import BACKUPS, Position
from orchestrator.store.store import StudyStore
from orchestrator.store.trial_files import fetch

IDENTITY = "study.json"
ORIGIN = "origin.json"
"""In a directory that holds what this machine has of a remote study: the address."""


def read_remote_identity(remote: Remote) -> Identity | None:
    """What makes a remote study this one; None where there is none, or none that was made to its end.

    Raises:
        StorageError: the storage can't be reached.
    """
    identity = parse_identity(remote.get(IDENTITY))
    return identity if identity is not None and remote.names(BACKUPS) else None


def create_remote(url: str, *, name: str, frozen: Mapping[str, Any], frozen_hash: str) -> None:
    """Makes an empty study in remote storage; of several drivers that make it at once, one does.

    Raises:
        StorageError: the storage can't be written, or does not keep two writers apart.
    """
    remote = open_remote(url, patience_s=FIRST_PATIENCE_S)
    wanted = Identity.new(name=name, frozen=frozen, frozen_hash=frozen_hash)
    _check_exclusive(remote)
    remote.put_once(IDENTITY, to_sealed(wanted.to_fields()))
    found = parse_identity(remote.get(IDENTITY))
    if found is None or found.frozen_hash != wanted.frozen_hash:  # of a driver that was killed before it made more
        remote.put(IDENTITY, to_sealed(wanted.to_fields()))
        found = wanted
    remote.put_once(Position().backup, empty_database(found))


def take_remote(url: str, root: Path, *, takeover: bool = False) -> StudyStore:
    """Opens a study in remote storage as its owner; its directory here is made anew from there.

    Raises:
        StudyError: there is none, another driver holds it, or a newer archfront wrote it.
        StorageError: the storage can't be reached.
    """
    remote = open_remote(url)
    if read_remote_identity(remote) is None:
        raise _no_study(remote)
    owner_epoch = lease.claim(remote, takeover=takeover)
    with lease.given_back_on_failure(remote, owner_epoch):
        return _taken(remote, root, owner_epoch)


def _taken(remote: Remote, root: Path, owner_epoch: int) -> StudyStore:
    seal_earlier(remote, owner_epoch)
    restore(remote, root)
    paths = StudyPaths(root)
    database = Database.open(paths.database)
    try:
        version = database.rows("SELECT schema_version FROM study")[0]["schema_version"]
        check_schema(root, version)
        database.log = RemoteLog(remote, owner_epoch)
        become_owner(database, remote, owner_epoch, schema_version=version)
        home = RemoteHome(remote, paths, database)
        store = StudyStore(paths, database, home)
        for number in store.lost_trials():
            _fetch_result(remote, paths, number)
        home.back_up()
    except BaseException:
        database.close()
        raise
    home.start()
    return store


def open_directory(text: str) -> Path:
    """The directory of a study as a person names it; of a remote study a copy of what is there now.

    Raises:
        StudyError: there is no such remote study.
        StorageError: the storage can't be reached.
    """
    url = _address(text)
    if not url:
        return _folder(text)
    remote, root = open_remote(url, patience_s=FIRST_PATIENCE_S), copy_folder(url)
    if read_remote_identity(remote) is None:
        raise _no_study(remote)
    restore(remote, root)
    return root


def fetched(folder: Path, root: Path) -> Path:
    """A folder below a study's directory, such as a trial's model; of a remote study brought here first."""
    if url := origin_of(root):
        fetch(open_remote(url), root, folder)
    return folder


def fetched_model(model: Path) -> Path:
    """The same of the folder of a trial's network, by its path alone."""
    return fetched(model, model.parents[2])


def origin_of(root: Path) -> str:
    """The address of the remote study that a directory is this machine's part of; empty where it is the study."""
    path = root / ORIGIN
    return str(read_json(path)["url"]) if path.exists() else ""


def restore(remote: Remote, root: Path) -> None:
    """Makes a directory hold the study as the remote storage has it; trials' folders are fetched when they are needed.

    Raises:
        StorageError: the history in the storage is damaged, or the disk here is full.
    """
    paths, identity = StudyPaths(root), remote.get(IDENTITY) or b""
    draft = temporary_name(paths.database)
    try:
        if paths.frozen.exists() and paths.frozen.read_bytes() != identity:
            shutil.rmtree(root)  # of another study that lay at this address
        root.mkdir(parents=True, exist_ok=True)
        rebuild(remote, draft)
        for suffix in ("-wal", "-shm"):
            paths.database.with_name(paths.database.name + suffix).unlink(missing_ok=True)
        draft.replace(paths.database)
    except OSError as error:
        raise storage_error(root, error) from error
    finally:
        draft.unlink(missing_ok=True)
    write_bytes(paths.frozen, identity)
    write_json(root / ORIGIN, {"url": remote.url})


def _folder(text: str) -> Path:
    """With ``~`` in full; that of a user who does not exist stays, and is found to be no study."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises


def _address(text: str) -> str:
    """The address that a text is, or that of a shared folder with a study's history in it; else empty."""
    folder = _folder(text)
    if "://" in text:
        return remote_url(text)
    is_history = (folder / BACKUPS).is_dir() and not StudyPaths(folder).database.exists()
    return folder.absolute().as_uri() if is_history else ""


def _fetch_result(remote: Remote, paths: StudyPaths, trial: int) -> None:
    """What a worker left while no driver heard of it."""
    result = paths.trial(trial).result
    result.parent.mkdir(parents=True, exist_ok=True)
    remote.fetch(result.relative_to(paths.root).as_posix(), result)


def _check_exclusive(remote: Remote) -> None:
    """Some stores ignore the condition of a put: there, two drivers would both own a study.

    Raises:
        StorageError: this one does.
    """
    probe = lease.owner_name(0)
    if remote.put_once(probe, b"1") and remote.put_once(probe, b"2"):
        raise StorageError(
            f"{remote}: a second put of the same new object succeeds, so nothing keeps two drivers apart",
            hint="use a store that knows conditional puts (If-None-Match), or a shared folder",
        )


def _no_study(remote: Remote) -> StudyError:
    return StudyError(f"{remote}: no study", hint="archfront search STUDY --storage makes one there")
