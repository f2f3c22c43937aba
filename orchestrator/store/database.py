"""SQLite as the study's truth: one connection, one lock, transactions that only the owner of the study can make."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError, StudyError
from orchestrator.storage import free_bytes
from orchestrator.store.remote_log import RemoteLog
from orchestrator.store.segments import Statement

BUSY_TIMEOUT_S = 20.0


class _Connection(sqlite3.Connection):
    """Remembers what a transaction executes, for a study whose history lies in remote storage."""

    statements: list[Statement] | None = None

    def prepare(self, *statements: str) -> None:
        """Executes what a new connection begins with; it is closed where that fails."""
        self.row_factory = sqlite3.Row
        try:
            for statement in statements:
                self.execute(statement)
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        if self.statements is not None:
            self.statements.append(Statement(sql, values))
        return super().execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        listed = list(rows)
        if self.statements is not None:
            self.statements.append(Statement(sql, listed, is_many=True))
        return super().executemany(sql, listed)


class Database:
    """A connection that several threads of the driver share.

    WAL with ``synchronous=FULL``: what is committed survives the end of the machine (0.2 ms a commit, median).
    """

    def __init__(self, path: Path, connection: _Connection) -> None:
        self.path = path
        self._connection = connection
        self._file = _file_at(path)
        self.lock = threading.RLock()
        self.owner_epoch = 0
        self.log: RemoteLog | None = None  # where the study lies in remote storage

    @classmethod
    def open(cls, path: Path) -> Database:
        """Opens or creates the file.

        Raises:
            StorageError: it can't be opened or written.
        """
        try:
            connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            connection.prepare("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
        except sqlite3.Error as error:
            if _is_damage(error):
                raise _damaged(path, error) from error
            raise StorageError(
                f"{path}: can't be opened: {error} ({free_bytes(path):,} bytes are free)",
                hint="make room, check the folder's rights, or end the program that holds it",
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
            connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, factory=_Connection)
            connection.prepare("SELECT 1 FROM sqlite_master")
        except sqlite3.Error as error:
            raise _damaged(path, error) from error
        return cls(path, connection)

    @contextmanager
    def transaction(self, *, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing; refused once another driver has taken the study.

        Args:
            waits: return when remote storage has it as well, where there is one. What doesn't wait is there within a
                second, and before anything that is committed later.

        Raises:
            StudyError: another driver owns the study now; nothing was written.
            StorageError: the disk is full or fails, and nothing was written; or the remote storage can't be reached,
                and nothing is to be acknowledged.
        """
        with self.lock:
            if self.log is not None:
                self.log.check()
            with self._committing() as statements:
                yield self._connection
            if self.log is not None:
                self.log.append(tuple(statements))
        if self.log is not None and waits:
            self.log.ship()

    @contextmanager
    def _committing(self) -> Iterator[list[Statement]]:
        """Gives the list that the statements of the block go to."""
        statements: list[Statement] = []
        try:
            with self._all_or_nothing():
                self._check_owner()
                self._connection.statements = statements
                yield statements
        except sqlite3.OperationalError as error:
            raise _unwritable(self.path, error, hint="make room, or end the program that holds it") from error
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            raise _damaged(self.path, error) from error

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()  # does nothing where SQLite has done it, as when the disk is full
            raise
        finally:
            self._connection.statements = None

    def check_owned(self) -> None:
        """Raises StudyError once another driver owns the study."""
        with self.transaction():
            pass

    @property
    def num_committed(self) -> int:
        """Transactions of this driver, for ``is_safe``; 0 where nothing but the disk must have them."""
        return self.log.num_committed if self.log is not None else 0

    def is_safe(self, num_committed: int) -> bool:
        """Whether the first so many transactions are where they are to be."""
        return self.log is None or self.log.num_shipped >= num_committed

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Reads outside a transaction.

        Raises:
            StorageError: the file is damaged, its disk fails, or another program keeps it.
        """
        with self.lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    raise _damaged(self.path, error) from error
                if isinstance(error, sqlite3.OperationalError):
                    raise StorageError(f"{self.path}: can't be read: {error}", hint="see to its disk") from error
                raise

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is read inside the block is of one moment, whatever the owner commits meanwhile."""
        with self.lock:
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.rollback()

    def copy_to(self, path: Path) -> None:
        """Writes all that is committed to a new file of its own.

        Raises:
            StorageError: there is no room for it.
        """
        try:
            with self.lock, closing(sqlite3.connect(path)) as copy:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise _unwritable(path, error, hint="make room") from error

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def _check_owner(self) -> None:
        if self.owner_epoch == 0:
            return
        if self.log is None and _file_at(self.path) != self._file:  # it goes on in a file without a path
            raise StorageError(
                f"{self.path}: was moved, removed or replaced while this driver wrote into it; it has written nothing "
                "since",
                hint=f"put it back, or archfront repair {self.path.parent} makes it anew from the trials' folders",
            )
        row = self._connection.execute("SELECT owner_epoch FROM study").fetchone()
        if row["owner_epoch"] != self.owner_epoch:
            raise StudyError(
                f"{self.path.parent}: another driver has taken this study over (owner epoch {row['owner_epoch']})",
                hint="this driver has written nothing since",
            )


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where it leads to none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_damage(error: sqlite3.Error) -> bool:
    """SQLite gives a damaged file no type of its own."""
    return type(error) is sqlite3.DatabaseError or "no such table" in str(error)


def _damaged(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"{path}: can't be read: {error}", hint=f"archfront repair {path.parent} makes it anew from the trials' folders"
    )


def _unwritable(path: Path, error: sqlite3.Error, *, hint: str) -> StorageError:
    return StorageError(f"{path}: can't be written: {error} ({free_bytes(path):,} bytes are free)", hint=hint)


def _is_at_rest(path: Path) -> bool:
    """Whether nobody can be writing: SQLite's own files beside a database can't be made on a disk for reading only."""
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
