"""Where studies lie, by what a person says of it, and where this machine keeps its part of a study that lies elsewhere.

A study in remote storage has three folders below ``~/.local/share/archfront``, each of which may be lost at any time:
``studies`` where its driver works, ``copies`` for those who only read it, and ``work`` where networks are trained.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from orchestrator.errors import BadInputError
from orchestrator.storage.mounts import is_on_network

_DATABASE = "study.db"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a study lies.

    Attributes:
        root: its directory on this machine.
        url: of its remote storage; empty where the directory is the study.
    """

    root: Path
    url: str = ""

    @classmethod
    def of(cls, storage: str, name: str) -> Self:
        """A study by its name below ``storage``: a folder, one of a network file system, or an address.

        Raises:
            BadInputError: the address holds a secret.
        """
        url = remote_url(storage)
        if not url or (Path(storage) / name / _DATABASE).exists():  # of an archfront that knew no remote storage
            return cls(root=Path(storage) / name)
        return cls(root=runs_folder(storage) / name, url=f"{url}/{name}")

    @classmethod
    def of_study(cls, url: str) -> Self:
        """A study by its own address."""
        storage, _, name = url.rpartition("/")
        return cls(root=runs_folder(storage) / name, url=url)

    @property
    def parent(self) -> Path | str:
        """Where its neighbours lie."""
        return self.url.rpartition("/")[0] if self.url else self.root.parent

    def __str__(self) -> str:
        return self.url or str(self.root)


def runs_folder(storage: str) -> Path:
    """Where this machine has the directories of studies that lie in ``storage``."""
    url = remote_url(storage)
    return _data_home() / "studies" / _key(url) if url else Path(storage)


def remote_url(storage: str) -> str:
    """The address of remote storage; empty for a folder on this machine's own disks.

    Raises:
        BadInputError: it holds a secret, which would be shown wherever the study is named.
    """
    if "://" not in storage:
        return Path(storage).absolute().as_uri() if is_on_network(Path(storage)) else ""
    parts = urlsplit(storage)
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInputError(
            f"storage {parts.scheme}://...: must be a place alone",
            hint="credentials come from the environment or from the node's role",
        )
    return storage.rstrip("/")


def copy_folder(url: str) -> Path:
    """Where this machine keeps a copy of a remote study to be read."""
    return _data_home() / "copies" / _key(url) / url.rpartition("/")[2]


def work_folder(study_id: str) -> Path:
    """Where this machine's workers train the networks of a remote study."""
    return _data_home() / "work" / study_id


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "archfront"


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
