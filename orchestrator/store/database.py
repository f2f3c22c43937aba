"""SQLite as the study's truth: one connection, one lock, transactions that only the owner of the study can make."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import StorageError, StudyError
from orchestrator.storage import free_bytes

BUSY_TIMEOUT_S = 20.0


class Database:
    """A connection that several threads of the driver share.

    WAL with ``synchronous=FULL``: what is committed survives the end of the machine (0.2 ms a commit, median).
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self.lock = threading.RLock()
        self.owner_epoch = 0

    @classmethod
    def open(cls, path: Path) -> Database:
        """Opens or creates the file.

        Raises:
            StorageError: it can't be opened or written.
        """
        try:
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.Error as error:
            if _is_damage(error):
                raise _damaged(path, error) from error
            raise StorageError(
                f"{path}: can't be opened: {error} ({free_bytes(path):,} bytes are free)",
                hint="make room, or check the folder's rights",
            ) from error
        return cls(path, connection)

    @classmethod
    def open_for_reading(cls, path: Path) -> Database:
        """Opens the file of a study that another process may be writing.

        Raises:
            StorageError: it is absent or no database.
        """
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if _is_at_rest(path) else ''}"
            connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)
            connection.row_factory = sqlite3.Row
            connection.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.Error as error:
            raise _damaged(path, error) from error
        return cls(path, connection)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; refused once another driver has taken the study.

        Raises:
            StudyError: another driver owns the study now; nothing was written.
            StorageError: the disk is full or fails; nothing was written.
        """
        with self.lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    self._check_owner()
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                room = f" ({free_bytes(self._path):,} bytes are free)"
                raise StorageError(
                    f"{self._path}: can't be written: {error}{room}",
                    hint="make room, or end the program that holds it",
                ) from error
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                raise _damaged(self._path, error) from error

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Reads outside a transaction.

        Raises:
            StorageError: the file is damaged.
        """
        with self.lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                raise _damaged(self._path, error) from error

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def _check_owner(self) -> None:
        if self.owner_epoch == 0:
            return
        row = self._connection.execute("SELECT owner_epoch FROM study").fetchone()
        if row["owner_epoch"] != self.owner_epoch:
            raise StudyError(
                f"{self._path.parent}: another driver has taken this study over (owner epoch {row['owner_epoch']})",
                hint="this driver has written nothing since",
            )


def _is_damage(error: sqlite3.Error) -> bool:
    """SQLite gives a damaged file no type of its own."""
    return type(error) is sqlite3.DatabaseError or "no such table" in str(error)


def _damaged(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"{path}: can't be read: {error}", hint=f"archfront repair {path.parent} makes it anew from the trials' folders"
    )


def _is_at_rest(path: Path) -> bool:
    """Whether nobody can be writing: SQLite's own files beside a database can't be made on a disk for reading only."""
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
