"""Files that are whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any, Literal

from orchestrator.errors import StorageError
from orchestrator.failpoints import failpoint

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


def write_bytes(path: Path, content: bytes, *, is_synced: bool = True) -> None:
    """Replaces a file in one step; a reader sees the old content or the new, never a part.

    Args:
        is_synced: it outlives a power cut that comes right after this; otherwise it may be torn or gone then.

    Raises:
        StorageError: the disk is full or can't be written; the old content is intact.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(temporary, content, is_synced=is_synced)
        failpoint("storage.before_rename")
        temporary.replace(path)
        if is_synced:
            sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(path, error, num_bytes=len(content)) from error


def put_once(path: Path, content: bytes) -> bool:
    """Creates a whole file where there is none; of several processes that try, one succeeds.

    Raises:
        StorageError: the disk is full or can't be written.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(temporary, content)
        _link(temporary, path)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_error(path, error, num_bytes=len(content)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return True


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
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"{path}: can't be read: {error}") from error


def remove_leftovers(folder: Path) -> None:
    """Removes what processes of this machine that were killed have left below a folder."""
    for path in sorted(folder.rglob(".*.tmp")):
        pid = path.name.split(".")[-2].partition("-")[0]
        if not pid.isdecimal() or Path(f"/proc/{pid}").exists():
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def storage_error(path: Path, error: OSError, *, num_bytes: int = 0) -> StorageError:
    """An error of the system in words: the path, what is wrong, and where it is room, how much is needed and there."""
    text = f"{path}: can't be written: {error.strerror or error}"
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(text, hint="check its folder and its rights, or give another place")
    words = [f"need {num_bytes:,} bytes"] * (num_bytes > 0) + [f"{free_bytes(path):,} are free"]
    return StorageError(f"{text} ({', '.join(words)})", hint="make room, or give another place")


def free_bytes(path: Path) -> int:
    """What is left on the disk of a path, which need not exist; 0 where nobody knows."""
    there = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), path)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


def temporary_name(path: Path) -> Path:
    """A name beside ``path`` that no other thread or process uses; short, because names have a limit."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{threading.get_ident():x}.tmp")


def sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary: Path, path: Path) -> None:
    """Gives a file a further name that was free; where the file system has no links, there is a moment without content.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _write(path, temporary.read_bytes(), mode="xb")


def _write(path: Path, content: bytes, *, mode: Literal["wb", "xb"] = "wb", is_synced: bool = True) -> None:
    with path.open(mode) as file:
        file.write(content)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
