"""Folders that are whole or absent: their manifest, which holds a checksum of each file, is written last."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from orchestrator.failpoints import failpoint
from orchestrator.storage.files import DISK_ERRORS, storage_error, sync_file, sync_folder, temporary_name, write_json

MANIFEST = "manifest.json"

_CANT_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # such as NFS


def write_folder(folder: Path, write: Callable[[Path], None], *, num_bytes: int = 0) -> None:
    """Fills a folder under a temporary name, adds a manifest with each file's SHA-256, and renames it.

    An existing folder of that name is replaced in one step where the system can exchange two names (Linux).
    What ``write`` raises is passed on.

    Args:
        num_bytes: about what it takes, to be told where there is no room for it.

    Raises:
        StorageError: the disk is full or can't be written; nothing is left of the new folder.
    """
    temporary = temporary_name(folder)
    try:
        _make(temporary, folder)
        try:
            write(temporary)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise  # the writer's own: a source that is not there is no full disk
            raise storage_error(folder, error, num_bytes=num_bytes) from error
        _seal(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clone_folder(source: Path, folder: Path) -> None:
    """Copies a folder that is whole; as ``write_folder``, in one step.

    Raises:
        StorageError: the disk is full or can't be written; nothing is left of the new folder.
    """
    files = _files(source)

    def write(temporary: Path) -> None:
        for name, path in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, temporary / name)

    write_folder(folder, write, num_bytes=sum(path.stat().st_size for path in files.values()))


def broken_files(folder: Path) -> tuple[str, ...]:
    """Names that differ from the folder's manifest or are missing on either side; the manifest if it can't be read."""
    try:
        sums: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        present = _files(folder)
        strangers = set(sums) ^ set(present)
        changed = {name for name, path in present.items() if name in sums and sha256_of(path) != sums[name]}
        return tuple(sorted(strangers | changed))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return (MANIFEST,)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exchange(one: Path, other: Path) -> None:
    """Swaps two names in one step; where the system or its disk can't, there is a moment between two steps."""
    library = ctypes.CDLL(None, use_errno=True)
    at_cwd, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of <linux/fs.h>
    if hasattr(library, "renameat2"):
        if library.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), swap) == 0:
            return
        number = ctypes.get_errno()
        if number not in _CANT_EXCHANGE:
            raise OSError(number, os.strerror(number), str(other))
    aside = one.with_name(f"{one.name}.old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _make(temporary: Path, folder: Path) -> None:
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _seal(temporary: Path, folder: Path) -> None:
    """Makes a filled folder durable and gives it its name; what had that name is left under the temporary one."""
    try:
        files = _files(temporary)
        if (temporary / MANIFEST).exists():
            raise ValueError(f"{MANIFEST} is written by the storage itself")
        for path in files.values():
            sync_file(path)
        failpoint("storage.before_manifest")
        write_json(temporary / MANIFEST, {"sha256": {name: sha256_of(path) for name, path in files.items()}})
        failpoint("storage.before_folder_rename")
        if folder.exists():
            exchange(temporary, folder)
        else:
            temporary.rename(folder)
        failpoint("storage.after_folder_rename")
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, error) from error


def _files(folder: Path) -> dict[str, Path]:
    """All files below a folder but its manifest, by their relative names."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != MANIFEST}
