"""SQLite as the study's truth: what can't be written is told as it is, and nothing is left open."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.open(tmp_path / "study.db")
    with database.transaction() as connection:
        connection.execute("CREATE TABLE kept (a)")
    return database


def test_a_disk_that_fills_up_within_a_transaction_is_told_as_that(database: Database) -> None:
    """SQLite has taken such a transaction back itself."""
    database.rows("PRAGMA max_page_count = 10")
    with pytest.raises(StorageError, match="disk is full"), database.transaction() as connection:
        connection.executemany("INSERT INTO kept VALUES (?)", [("before",), ("x" * 200_000,)])
    with database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES ('after')")
    assert [row["a"] for row in database.rows("SELECT a FROM kept")] == ["after"]
    database.close()


def test_a_copy_for_which_there_is_no_place_is_a_storage_error(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be written"):
        database.copy_to(tmp_path / "absent" / "copy.db")
    database.close()


def test_a_file_that_is_no_database_is_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(b"no database at all" * 1000)
    before = num_open()
    for opened in (Database.open, Database.open_for_reading):
        with pytest.raises(StorageError, match="can't be read") as error:
            opened(path)
        assert num_open() == before, error  # whoever holds the error holds all that led to it


def test_a_disk_that_fails_is_a_storage_error_and_no_reason_for_a_repair(database: Database) -> None:
    with database.transaction() as connection:
        connection.executemany("INSERT INTO kept VALUES (?)", [("x" * 3000,) for _ in range(50)])
    database.rows("PRAGMA cache_size = 1")
    database.path.with_name("study.db-wal").write_bytes(b"")
    with pytest.raises(StorageError, match="disk I/O error") as error:
        database.rows("SELECT a FROM kept")
    assert "repair" not in error.value.hint
    database.close()


def num_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
