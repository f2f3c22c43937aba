"""The folder that an export goes to: refused where it holds something else, and there only once it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import BadInputError
from orchestrator.export.checksums import SUMS
from orchestrator.failpoints import failpoint
from orchestrator.storage import exchange

OTHER_TARGET = "give another --to"


def check_target(to: Path, *, force: bool) -> None:
    """Whether an export may be written to ``to``; asked before any work is done.

    Raises:
        BadInputError: something is there, and it is no earlier export that ``force`` may replace.
    """
    if to.name in ("", ".."):
        raise BadInputError(f"--to {to}: names no folder", hint=OTHER_TARGET)
    if not (to.exists() or to.is_symlink()):
        return
    if not force:
        raise BadInputError(f"{to}: exists already", hint="give another --to, or --force to replace it")
    if to.is_symlink() or not (to / SUMS).is_file():
        raise BadInputError(f"{to}: is no earlier export, and --force replaces nothing else", hint=OTHER_TARGET)


@contextmanager
def folder_that_becomes(to: Path) -> Iterator[Path]:
    """A new folder beside ``to``, renamed to it if all goes well and removed if not."""
    temporary = to.with_name(f".{to.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        _rename(temporary, to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(temporary: Path, to: Path) -> None:
    """What had the name, an earlier export, has the temporary one afterwards."""
    failpoint("export.before_rename")
    if to.exists():
        exchange(temporary, to)
    else:
        temporary.rename(to)
    failpoint("export.after_rename")
