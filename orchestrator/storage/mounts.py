"""Which folders lie on other machines: SQLite's database must not, and every node may see them."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = re.compile(
    r"nfs4?|cifs|smb3|smbfs|lustre|gpfs|beegfs|ceph|glusterfs|afs|orangefs|panfs|wekafs|quobyte"
    r"|fuse\.(sshfs|glusterfs|ceph|s3fs|gcsfuse|juicefs|lustre|beegfs|mount-s3|blobfuse2?|goofys|rclone)"
)
_MOUNTS = Path("/proc/self/mounts")


def is_on_network(folder: Path) -> bool:
    """Whether a folder, which need not exist, is mounted from elsewhere; False where the system does not say."""
    return _NETWORK.fullmatch(mount_type(folder.absolute(), _read_mounts())) is not None


def mount_type(folder: Path, mounts: str) -> str:
    """The type of the file system that holds a folder, from lines as ``/proc/self/mounts`` has them."""
    fields = [line.split(" ") for line in mounts.splitlines()]
    types = {Path(_unescaped(field[1])): field[2] for field in fields if len(field) > 2}  # the last mount covers others
    return next((types[place] for place in (folder, *folder.parents) if place in types), "")


def _unescaped(text: str) -> str:
    """Spaces and the like are written as octal numbers there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _read_mounts() -> str:
    return _MOUNTS.read_text(encoding="utf-8", errors="replace") if _MOUNTS.exists() else ""
