"""SHA256SUMS, as ``sha256sum --check`` reads it: written last, checked before anything else is read."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import BadInputError
from orchestrator.storage import sha256_of

SUMS = "SHA256SUMS"

_WRITTEN = "give a folder that `archfront export` or `archfront train` wrote"
_NEW_COPY = "write the folder again, or copy it again"


def write_sums(folder: Path) -> tuple[str, ...]:
    """Writes the sums of every file of a folder, and gives their names."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{sha256_of(folder / name)}  {name}\n" for name in names), encoding="utf-8")
    return tuple(names)


def check_sums(folder: Path, *, required: tuple[str, ...]) -> None:
    """Compares every file of a folder with its sum.

    Raises:
        BadInputError: there is no such folder, or a file is absent, unlisted though required, or changed.
    """
    sums = read_sums(folder)
    for name in required:
        if name not in sums:
            raise BadInputError(f"{folder / SUMS}: does not list {name}", hint=_NEW_COPY)
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise BadInputError(f"{path}: listed in {SUMS} and not there", hint=_NEW_COPY)
        actual = sha256_of(path)
        if actual != expected:
            raise BadInputError(f"{path}: was changed: SHA-256 is {actual}, expected {expected}", hint=_NEW_COPY)


def read_sums(folder: Path) -> dict[str, str]:
    """What ``write_sums`` wrote, by the files' names.

    Raises:
        BadInputError: there is no such folder, or no such list in it.
    """
    path = folder / SUMS
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder", hint=_WRITTEN)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadInputError(f"{path}: can't be read", hint=_WRITTEN) from None
    parts = [line.partition("  ") for line in lines]
    if any(len(digest) != 64 or not name or Path(name).name != name for digest, _, name in parts):
        raise BadInputError(f"{path}: is no list of checksums", hint=_NEW_COPY)
    return {name: digest for digest, _, name in parts}
