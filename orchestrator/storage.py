"""Files that are whole or absent: temporary name, fsync, rename; folders whose manifest is written last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError

MANIFEST = "manifest.json"


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces a file in one step; a reader sees the old content or the new, never a part.

    Raises:
        StorageError: the disk is full or can't be written; the old content is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
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

    An existing folder of that name is replaced.

    Raises:
        StorageError: the disk is full or can't be written; nothing is left of the new folder.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        for path in files:
            _sync_file(path)
        sums = {path.relative_to(temporary).as_posix(): sha256_of(path) for path in files}
        write_json(temporary / MANIFEST, {"sha256": sums})
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _storage_error(folder, error) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def broken_files(folder: Path) -> tuple[str, ...]:
    """Names of files that are absent or differ from the folder's manifest; the manifest itself if it can't be read."""
    try:
        sums = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        return tuple(name for name, digest in sums.items() if not _has_digest(folder / name, digest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (MANIFEST,)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_digest(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of(path) == digest


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
