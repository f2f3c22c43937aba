"""Storage that every node reaches: content under names, each whole or absent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from orchestrator.errors import BadInputError

PATIENCE_S = 180.0
"""How long an operation is tried again while the storage can't be reached or asks for less."""
FIRST_PATIENCE_S = 10.0
"""Before anything is computed: then it is an address that is wrong, more often than a network that is down."""

OBJECT_STORES = ("s3", "gs", "az")


class Remote(Protocol):
    """A study's place in storage that every node reaches. Names have slashes, and begin with none."""

    @property
    def url(self) -> str: ...

    def put(self, name: str, content: bytes | Path) -> None:
        """Replaces what is there, by bytes or by a file's."""
        ...

    def put_once(self, name: str, content: bytes) -> bool:
        """Creates it where there is nothing. Of several writers with different contents, one succeeds.

        The content tells a writer whose first answer was lost on the way that it was the one.
        """
        ...

    def get(self, name: str) -> bytes | None:
        """None where there is nothing."""
        ...

    def fetch(self, name: str, to: Path) -> bool:
        """Writes it to a new file; False, and no file, where there is nothing."""
        ...

    def names(self, folder: str, *, after: str = "") -> list[str]:
        """What lies below a folder, sorted; with ``after``, only what comes later than this name."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """What is absent is no error."""
        ...


def open_remote(url: str, *, patience_s: float = PATIENCE_S) -> Remote:
    """The storage at an address: ``s3://bucket/prefix``, ``gs://``, ``az://``, or a shared folder as ``file:///``.

    Nothing is asked of it yet.

    Raises:
        BadInputError: it is no such address, or the package for it is missing.
    """
    scheme, _, place = url.partition("://")
    if scheme == "file":
        from orchestrator.storage.shared_folder import SharedFolder

        return SharedFolder.at(url)
    if scheme not in OBJECT_STORES or not place.strip("/"):
        known = ", ".join(f"{name}://" for name in OBJECT_STORES)
        raise BadInputError(f"{url}: is no storage", hint=f"give a folder, file:///FOLDER, or one of {known}")
    from orchestrator.storage.object_store import ObjectStore

    return ObjectStore.at(url, patience_s=patience_s)
