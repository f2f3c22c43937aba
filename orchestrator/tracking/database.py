"""A new MLflow database: made aside and put in place when it is whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from orchestrator.tracking.address import sqlite_uri


def create_database(path: Path) -> None:
    """Makes the file unless it is there.

    MLflow migrates a new database through all its versions, which takes seconds and is no transaction: a process
    that is killed meanwhile leaves a file that no later one can open, and two processes spoil each other's.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        MlflowClient(sqlite_uri(draft)).search_experiments(max_results=1)
        _publish(draft.read_bytes(), path)


def _publish(content: bytes, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        with contextlib.suppress(FileExistsError):  # another study was faster: its database serves both
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
