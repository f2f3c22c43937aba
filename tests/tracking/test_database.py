"""A database that is whole or absent."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.tracking.database import create_database
from tests.tracking.reading import USES_MLFLOW

pytestmark = USES_MLFLOW

_CREATE = """
import pathlib, sys
from orchestrator.tracking.database import create_database
create_database(pathlib.Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_of_the_migration_leaves_no_database(tmp_path: Path) -> None:
    path, drafts = tmp_path / "runs" / "mlflow.db", tmp_path / "drafts"
    drafts.mkdir()
    process = subprocess.Popen([sys.executable, "-c", _CREATE, str(path)], env={**os.environ, "TMPDIR": str(drafts)})
    while not any(draft.stat().st_size for draft in drafts.rglob("mlflow.db")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.parent.exists() or list(path.parent.iterdir()) == []


def test_a_new_database_is_whole(empty_database: Path) -> None:
    with contextlib.closing(sqlite3.connect(empty_database)) as connection:
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (1,)


def test_a_database_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"anything")
    create_database(path)
    assert path.read_bytes() == b"anything"
    assert list(tmp_path.iterdir()) == [path]
