"""The folder of a training under way, beside the one that it will become: settings, checkpoints, epochs so far."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.config.identity import differences
from orchestrator.errors import BadInputError, StorageError
from orchestrator.export.names import TRAINING_FILE
from orchestrator.records import EpochReport
from orchestrator.storage import read_json, write_json

SUFFIX = ".training"

_EPOCHS_FILE = "epochs.json"
_LOCK_FILE = "lock"


def work_folder(to: Path) -> Path:
    """Where a training that will become ``to`` lies until then."""
    return to.with_name(to.name + SUFFIX)


def finished(to: Path, frozen: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is stored of the training whose folder ``to`` is; None where nothing is there yet.

    Raises:
        BadInputError: something else is there.
    """
    if to.name in ("", ".."):
        raise BadInputError(f"--to {to}: names no folder", hint="give another --to")
    if not (to.exists() or to.is_symlink()):
        return None
    if not (to / TRAINING_FILE).is_file():
        raise BadInputError(f"{to}: exists, and is no trained network", hint="give another --to")
    stored: dict[str, Any] = read_json(to / TRAINING_FILE)
    _check_same(to, stored, frozen)
    return stored


@contextmanager
def claimed(folder: Path, frozen: Mapping[str, Any]) -> Iterator[None]:
    """Makes the folder, or takes it up again; no other process has it inside the block.

    Raises:
        BadInputError: another training is under way in it, or was begun with other settings.
        StorageError: it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK_FILE).open("w")
    except OSError as error:
        raise StorageError(f"{folder}: can't be written: {error.strerror}", hint="give another --to") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInputError(f"{folder}: another process trains in it", hint="give another --to") from None
        settings = folder / TRAINING_FILE
        if settings.exists():
            _check_same(folder, read_json(settings), frozen)
        else:
            write_json(settings, dict(frozen))
        yield


def epochs(folder: Path) -> list[EpochReport]:
    """Of the training so far."""
    path = folder / _EPOCHS_FILE
    return [EpochReport.from_dict(fields) for fields in read_json(path)] if path.exists() else []


def add_epoch(folder: Path, report: EpochReport) -> bool:
    """Keeps a report; False where it is there already, as the last one is when a training goes on."""
    known = epochs(folder)
    if known and report.epoch <= known[-1].epoch:
        return False
    write_json(folder / _EPOCHS_FILE, [one.to_dict() for one in (*known, report)])
    return True


def _check_same(folder: Path, stored: Mapping[str, Any], frozen: Mapping[str, Any]) -> None:
    found = differences({name: stored[name] for name in frozen if name in stored}, frozen)
    if found:
        raise BadInputError(
            f"{folder}: was begun with other settings:\n  " + "\n  ".join(found),
            hint="give another --to, or the settings that it was begun with",
        )
