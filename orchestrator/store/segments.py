"""Committed transactions as text: replayed on an earlier copy of the database, they give the same database."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from orchestrator.errors import StorageError, StudyError

SCHEMA_VERSION = 1

SEGMENTS = "events"
BACKUPS = "db"


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the history of a study's database: the ``seq``-th segment of the driver of an owner epoch."""

    owner_epoch: int = 0
    seq: int = 0

    @property
    def segment(self) -> str:
        return f"{SEGMENTS}/{self}.jsonl"

    @property
    def backup(self) -> str:
        """Holds the database as it is after this segment."""
        return f"{BACKUPS}/{self}.db"

    @classmethod
    def of_name(cls, name: str) -> Self | None:
        """The position that a segment or a backup is named after; None for what is neither."""
        epoch, _, seq = name.rpartition("/")[2].partition(".")[0].partition("-")
        return cls(int(epoch), int(seq)) if epoch.isdecimal() and seq.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.owner_epoch:06d}-{self.seq:08d}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One call of sqlite3: ``values`` of one row, or of each row."""

    sql: str
    values: Sequence[Any] | Mapping[str, Any]
    is_many: bool = False

    def run(self, connection: sqlite3.Connection) -> None:
        if self.is_many:
            connection.executemany(self.sql, self.values)
        else:
            connection.execute(self.sql, self.values)


Transaction = tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Transactions in the order of their commits.

    Attributes:
        sealed_by: the owner epoch of the driver that ended this history by it; None while it may go on.
    """

    position: Position
    transactions: tuple[Transaction, ...] = ()
    sealed_by: int | None = None

    def encoded(self) -> bytes:
        """A line about the segment, with a checksum of the rest, and one line for each transaction."""
        lines = [
            json.dumps([[one.sql, _plain(one.values), one.is_many] for one in transaction]) + "\n"
            for transaction in self.transactions
        ]
        body = "".join(lines).encode()
        head = {
            "schema_version": SCHEMA_VERSION,
            "position": str(self.position),
            "sealed_by": self.sealed_by,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return json.dumps(head).encode() + b"\n" + body

    @classmethod
    def decoded(cls, content: bytes, position: Position) -> Self:
        """What ``encoded`` gave.

        Raises:
            StorageError: it was changed since, or lies in another's place.
            StudyError: a newer archfront wrote it.
        """
        first, _, body = content.partition(b"\n")
        try:
            head = json.loads(first)
            if head["schema_version"] > SCHEMA_VERSION:
                raise StudyError(f"{position.segment}: written by a newer archfront", hint="upgrade archfront")
            if head["sha256"] != hashlib.sha256(body).hexdigest() or head["position"] != str(position):
                raise ValueError("its checksum or its place is another")
            transactions = tuple(
                tuple(Statement(sql, values, is_many) for sql, values, is_many in json.loads(line))
                for line in body.splitlines()
            )
            return cls(position=position, transactions=transactions, sealed_by=head["sealed_by"])
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{position.segment}: is damaged: {error}") from error


def _plain(values: Iterable[Any] | Mapping[str, Any]) -> Any:
    return dict(values) if isinstance(values, Mapping) else list(values)
