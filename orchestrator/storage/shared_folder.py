"""A folder that several machines have mounted, such as NFS, as storage that every node reaches."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from orchestrator.errors import StorageError
from orchestrator.storage.files import (
    DISK_ERRORS,
    put_once,
    storage_error,
    sync_file,
    sync_folder,
    temporary_name,
    write_bytes,
)


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """Each name is a file below the root; links make its creation exclusive, on NFS as well."""

    root: Path

    @classmethod
    def at(cls, url: str) -> Self:
        return cls(Path(unquote(urlsplit(url).path)))

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def __str__(self) -> str:
        return str(self.root)

    def put(self, name: str, content: bytes | Path) -> None:
        path = self.root / name
        if isinstance(content, bytes):
            write_bytes(path, content)
            return
        temporary = temporary_name(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(content, temporary)
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise storage_error(path, error, num_bytes=content.stat().st_size) from error

    def put_once(self, name: str, content: bytes) -> bool:
        return put_once(self.root / name, content) or self.get(name) == content

    def get(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(self.root / name, error) from error

    def fetch(self, name: str, to: Path) -> bool:
        try:
            shutil.copyfile(self.root / name, to)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            is_here = error.errno in DISK_ERRORS - {errno.EIO}
            raise (storage_error(to, error) if is_here else _unreadable(self.root / name, error)) from error
        return True

    def names(self, folder: str, *, after: str = "") -> list[str]:
        places = os.walk(self.root / folder, onerror=_heed)
        files = (Path(place, file) for place, _, files in places for file in files if not file.endswith(".tmp"))
        names = (path.relative_to(self.root).as_posix() for path in files)
        return sorted(name for name in names if name > after)

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.root / name
            with contextlib.suppress(OSError):  # what stays takes room and is never read
                path.unlink(missing_ok=True)
                path.parent.rmdir()


def _heed(error: OSError) -> None:
    """What is removed while it is listed is not there; what can't be listed might be."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise _unreadable(Path(error.filename), error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path}: can't be read: {error.strerror}", hint="check that the folder is mounted here")
