"""Files that are whole or absent: temporary name, fsync, rename; folders whose manifest is written last."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError

MANIFEST = "manifest.json"

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces a file in one step; a reader sees the old content or the new, never a part.

    Raises:
        StorageError: the disk is full or can't be written; the old content is intact.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _storage_error(path, error, num_bytes=len(content)) from error


def write_json(path: Path, value: Any) -> None:
    """Writes JSON in one step; NaN and infinity are refused, because other readers can't read them."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Reads what ``write_json`` wrote.

    Raises:
        StorageError: the file is absent or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: can't be read: {error}") from error


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Fills a folder under a temporary name, adds a manifest with each file's SHA-256, and renames it.

    An existing folder of that name is replaced in one step where the system can exchange two names (Linux).
    What ``write`` raises is passed on.

    Raises:
        StorageError: the disk is full or can't be written; nothing is left of the new folder.
    """
    temporary = _temporary(folder)
    try:
        _make(temporary, folder)
        try:
            write(temporary)
        except OSError as error:
            if error.errno not in _DISK_ERRORS:
                raise  # the writer's own: a source that is not there is no full disk
            raise _storage_error(folder, error) from error
        _seal(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def broken_files(folder: Path) -> tuple[str, ...]:
    """Names that differ from the folder's manifest or are missing on either side; the manifest if it can't be read."""
    try:
        sums: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        present = _files(folder)
        strangers = set(sums) ^ set(present)
        changed = {name for name, path in present.items() if name in sums and sha256_of(path) != sums[name]}
        return tuple(sorted(strangers | changed))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (MANIFEST,)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make(temporary: Path, folder: Path) -> None:
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise _storage_error(folder, error) from error


def _seal(temporary: Path, folder: Path) -> None:
    """Makes a filled folder durable and gives it its name; what had that name is left under the temporary one."""
    try:
        files = _files(temporary)
        if (temporary / MANIFEST).exists():
            raise ValueError(f"{MANIFEST} is written by the storage itself")
        for path in files.values():
            _sync_file(path)
        write_json(temporary / MANIFEST, {"sha256": {name: sha256_of(path) for name, path in files.items()}})
        if folder.exists():
            _exchange(temporary, folder)
        else:
            temporary.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        raise _storage_error(folder, error) from error


def _files(folder: Path) -> dict[str, Path]:
    """All files below a folder but its manifest, by their relative names."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != MANIFEST}


def _temporary(path: Path) -> Path:
    """A name beside ``path`` that no other thread or process uses; short, because names have a limit."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{threading.get_ident():x}.tmp")


def _exchange(one: Path, other: Path) -> None:
    """Swaps two names in one step; elsewhere than on Linux there is a moment between two steps."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        aside = one.with_name(f"{one.name}.old")
        other.rename(aside)
        one.rename(other)
        aside.rename(one)
        return
    at_cwd, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of <linux/fs.h>
    if library.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _storage_error(path: Path, error: OSError, *, num_bytes: int = 0) -> StorageError:
    need = f" (need {num_bytes:,} bytes)" if num_bytes else ""
    return StorageError(
        f"{path}: can't be written: {error.strerror or error}{need}", hint="make room or give another --storage"
    )


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
