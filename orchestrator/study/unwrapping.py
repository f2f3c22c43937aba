"""Errors that others hide, as what they are: ours inside Tune's, and a disk without room behind whoever meets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import ArchfrontError, InterruptedStudyError, chain_of
from orchestrator.storage import DISK_ERRORS, storage_error


@contextmanager
def own_errors(root: Path) -> Iterator[None]:
    """Raises ours where Tune has put it into an error of its own, and a full disk as a StorageError.

    Tune keeps the text of a traceback alone, but raises while it handles the error: that leads back to it.
    """
    try:
        yield
    except ArchfrontError:
        raise
    except Exception as error:
        for cause in chain_of(error):
            if isinstance(cause, ArchfrontError):
                raise cause from error
            if type(cause).__module__ == "ray.exceptions" and type(cause).__name__ == "OutOfMemoryError":
                raise _no_memory(cause) from error
            if isinstance(cause, OSError) and cause.errno in DISK_ERRORS:
                raise storage_error(Path(cause.filename or root), cause) from error
        raise


def _no_memory(error: BaseException) -> InterruptedStudyError:
    """Ray ended a worker to save its node, and no trial can be made to answer for it: a finalist was being scored."""
    return InterruptedStudyError(
        f"a worker was ended because its node ran out of memory: {str(error).partition(chr(10))[0]}"[:400],
        hint="set resources.max_concurrent_trials lower and give the command again: trials go on where they were",
    )
