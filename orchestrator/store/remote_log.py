"""The driver's end of its study's remote history: what is committed goes there in order, before it is acknowledged."""

from __future__ import annotations

import threading

from orchestrator.errors import StorageError, StudyError
from orchestrator.storage.remote import Remote
from orchestrator.store.segments import Position, Segment, Transaction


class RemoteLog:
    """Segments of one owner epoch, each created where there is none.

    A driver that takes the study over puts a seal where this one's next segment would be. So the put of that segment is
    what tells a deposed driver, whatever its clock or the network did; and what it had put before is not lost.
    """

    def __init__(self, remote: Remote, owner_epoch: int) -> None:
        self._remote = remote
        self._waiting: list[Transaction] = []
        self._leaving: tuple[Transaction, ...] = ()  # put, unless what came of it was not heard
        self._lock = threading.Lock()
        self._shipping = threading.Lock()
        self._failure: StorageError | StudyError | None = None
        self.position = Position(owner_epoch, 0)
        self.num_committed = 0
        self.num_shipped = 0

    def check(self) -> None:
        """Raises what ended this log: nothing may be committed that can't be acknowledged any more."""
        if self._failure is not None:
            raise self._failure

    def end(self, *, taken_by: int) -> None:
        """Another driver has claimed the study: it need not race this one's next segments for the place of its seal."""
        self._failure = self._failure or self._deposed(taken_by)

    def append(self, transaction: Transaction) -> None:
        """A transaction was committed. The caller holds the database's lock, which gives the order."""
        with self._lock:
            self._waiting.append(transaction)
            self.num_committed += 1

    def ship(self) -> None:
        """Returns when all that was appended before is in the remote storage.

        A put that is interrupted may have succeeded: the next call begins with the same segment.

        Raises:
            StudyError: another driver has taken the study.
            StorageError: the storage could not be reached for too long.
        """
        with self._shipping:
            self.check()
            try:
                self._put()
                with self._lock:
                    self._leaving, self._waiting = tuple(self._waiting), []
                self._put()
            except (StorageError, StudyError) as error:
                self._failure = error
                raise

    def _put(self) -> None:
        if not self._leaving:
            return
        position = Position(self.position.owner_epoch, self.position.seq + 1)
        content = Segment(position=position, transactions=self._leaving).encoded()
        if not self._remote.put_once(position.segment, content):
            found = self._remote.get(position.segment)
            raise self._deposed(Segment.decoded(found, position).sealed_by if found else None)
        self.position, self.num_shipped, self._leaving = position, self.num_shipped + len(self._leaving), ()

    def _deposed(self, by: int | None) -> StudyError:
        return StudyError(
            f"{self._remote}: another driver has taken this study over (owner epoch {by})",
            hint="this driver has written nothing since",
        )
