"""The history of a study's database in remote storage: backups, the segments after them, and seals between drivers."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.errors import StorageError, StudyError
from orchestrator.storage.remote import Remote
from orchestrator.store.database import Database
from orchestrator.store.segments import BACKUPS, SEGMENTS, Position, Segment

logger = logging.getLogger(__name__)

NUM_BACKUPS_KEPT = 2


@dataclass(frozen=True, slots=True)
class History:
    """What there is, as one listing shows it."""

    backups: Sequence[Position]
    segments: Sequence[Position]

    @classmethod
    def of(cls, remote: Remote) -> Self:
        return cls(_positions(remote.names(BACKUPS)), _positions(remote.names(SEGMENTS)))

    def superseded(self) -> list[str]:
        """Names of what nobody needs: older backups, and segments that the kept ones hold.

        The last segment of each driver stays: it is the seal that keeps a deposed one from going on.
        """
        if len(self.backups) <= NUM_BACKUPS_KEPT:
            return []
        oldest = self.backups[-NUM_BACKUPS_KEPT]
        lasts = {position.owner_epoch: position for position in self.segments}
        old = [one for one in self.segments if one <= oldest and one != lasts[one.owner_epoch]]
        return [*(one.backup for one in self.backups if one < oldest), *(one.segment for one in old)]


def rebuild(remote: Remote, path: Path) -> Position | None:
    """Writes the database as the remote history has it to a new file; None, and no file, where there is none.

    Raises:
        StorageError: the history has a gap, or neither of the last two backups can be read.
    """
    history = History.of(remote)
    for backup in reversed(history.backups):
        path.unlink(missing_ok=True)
        if not remote.fetch(backup.backup, path):
            return rebuild(remote, path)  # the driver that runs the study has made a newer one meanwhile
        if _is_whole(path):
            return _replayed(remote, path, backup, [one for one in history.segments if one > backup])
        logger.warning("%s: %s can't be read: going back to the backup before it", remote, backup.backup)
    if history.backups:
        path.unlink(missing_ok=True)
        raise StorageError(f"{remote}: no backup of its database can be read", hint=f"see {BACKUPS}/ there")
    return None


def seal_earlier(remote: Remote, owner_epoch: int) -> None:
    """Ends the history of every driver before this owner epoch.

    Raises:
        StudyError: a later driver was faster.
    """
    lasts = {one.owner_epoch: one for one in History.of(remote).segments}
    for earlier in range(1, owner_epoch):
        _seal(remote, lasts.get(earlier, Position(earlier, 0)), owner_epoch)


def _seal(remote: Remote, last: Position, owner_epoch: int) -> None:
    """After the last segment that is known; the driver may be writing further ones."""
    found = remote.get(last.segment) if last.seq else None
    segment = Segment.decoded(found, last) if found else Segment(position=last)
    while segment.sealed_by is None:
        position = Position(last.owner_epoch, segment.position.seq + 1)
        seal = Segment(position=position, sealed_by=owner_epoch)
        if remote.put_once(position.segment, seal.encoded()):
            return
        segment = Segment.decoded(remote.get(position.segment) or b"", position)
    if segment.sealed_by > owner_epoch:
        raise StudyError(f"{remote}: another driver has taken this study over meanwhile")


def _replayed(remote: Remote, path: Path, at: Position, later: Iterable[Position]) -> Position:
    """All in one transaction: the file is the backup, or what it is to be."""
    database = Database.open(path)
    try:
        with database.transaction() as connection:
            for position in later:
                if position.seq != (at.seq + 1 if position.owner_epoch == at.owner_epoch else 1):
                    raise StorageError(f"{remote}: {position.segment} is there, and the one before it is not")
                content = remote.get(position.segment)
                if content is None:
                    raise StorageError(f"{remote}: {position.segment} is gone", hint="give the command again")
                for transaction in Segment.decoded(content, position).transactions:
                    for statement in transaction:
                        statement.run(connection)
                at = position
    finally:
        database.close()
    with closing(sqlite3.connect(path)) as alone:
        alone.execute("PRAGMA journal_mode=DELETE")  # its readers may be unable to write beside it
    return at


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False


def _positions(names: Iterable[str]) -> list[Position]:
    return sorted(position for position in map(Position.of_name, names) if position is not None)
