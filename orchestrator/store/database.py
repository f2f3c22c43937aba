"""SQLite as the study's truth: one connection, one lock, transactions that only the owner of the study can make."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import StorageError, StudyError

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
            raise StorageError(
                f"{path}: can't be opened: {error}", hint="check the folder's rights and free space"
            ) from error
        return cls(path, connection)

    @classmethod
    def open_for_reading(cls, path: Path) -> Database:
        """Opens the file of a study that another process may be writing.

        Raises:
            StorageError: it is absent or no database.
        """
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
            connection.row_factory = sqlite3.Row
            connection.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.Error as error:
            raise StorageError(f"{path}: can't be read: {error}") from error
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
                raise StorageError(
                    f"{self._path}: {error}", hint="make room, or end the program that holds it"
                ) from error

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Reads outside a transaction."""
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

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
