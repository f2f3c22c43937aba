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
from typing import Any, Literal

from orchestrator.errors import StorageError
from orchestrator.failpoints import failpoint

MANIFEST = "manifest.json"

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}
_CANT_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # such as NFS
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces a file in one step; a reader sees the old content or the new, never a part.

    Raises:
        StorageError: the disk is full or can't be written; the old content is intact.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, content)
        failpoint("storage.before_rename")
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(path, error, num_bytes=len(content)) from error


def put_once(path: Path, content: bytes) -> bool:
    """Creates a whole file where there is none; of several processes that try, one succeeds.

    Raises:
        StorageError: the disk is full or can't be written.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, content)
        _link(temporary, path)
        _sync_folder(path.parent)
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


def write_folder(folder: Path, write: Callable[[Path], None], *, num_bytes: int = 0) -> None:
    """Fills a folder under a temporary name, adds a manifest with each file's SHA-256, and renames it.

    An existing folder of that name is replaced in one step where the system can exchange two names (Linux).
    What ``write`` raises is passed on.

    Args:
        num_bytes: about what it takes, to be told where there is no room for it.

    Raises:
        StorageError: the disk is full or can't be written; nothing is left of the new folder.
    """
    temporary = _temporary(folder)
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
        _write_synced(path, temporary.read_bytes(), mode="xb")


def _write_synced(path: Path, content: bytes, *, mode: Literal["wb", "xb"] = "wb") -> None:
    with path.open(mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


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
            _sync_file(path)
        failpoint("storage.before_manifest")
        write_json(temporary / MANIFEST, {"sha256": {name: sha256_of(path) for name, path in files.items()}})
        failpoint("storage.before_folder_rename")
        if folder.exists():
            exchange(temporary, folder)
        else:
            temporary.rename(folder)
        failpoint("storage.after_folder_rename")
        _sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, error) from error


def _files(folder: Path) -> dict[str, Path]:
    """All files below a folder but its manifest, by their relative names."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != MANIFEST}


def _temporary(path: Path) -> Path:
    """A name beside ``path`` that no other thread or process uses; short, because names have a limit."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{threading.get_ident():x}.tmp")


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


def storage_error(path: Path, error: OSError, *, num_bytes: int = 0) -> StorageError:
    """An error of the system in words: the path, what is wrong, and where it is room, how much is needed and there."""
    words = [f"need {num_bytes:,} bytes"] * (num_bytes > 0)
    if error.errno == errno.ENOSPC:
        words += [f"{free_bytes(path):,} are free"]
    room = f" ({', '.join(words)})" if words else ""
    return StorageError(
        f"{path}: can't be written: {error.strerror or error}{room}", hint="make room or give another --storage"
    )


def free_bytes(path: Path) -> int:
    """What is left on the disk of a path, which need not exist; 0 where nobody knows."""
    there = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), path)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
