"""Sends what waits for MLflow while the caller waits, for when no search is running."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from orchestrator.errors import ArchfrontError
from orchestrator.store.outbox import Outbox, OutboxEntry
from orchestrator.tracking.process import SenderProcess
from orchestrator.tracking.tracker import MAX_BATCH

PAUSES_S = (1.0, 4.0)
"""Before a batch is sent again; a server that is still away then is left for another time."""


class Sender(Protocol):
    """A connection to MLflow, such as ``process.SenderProcess``."""

    def send(self, entries: Sequence[OutboxEntry]) -> list[str]: ...

    def end(self) -> None: ...


Connect = Callable[[Mapping[str, Any]], Sender]
"""Makes one from the settings of ``client.Client``, as JSON values."""


class Announcements:
    """An outbox in memory, of announcements in their order."""

    def __init__(self, announcements: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        numbered = enumerate(announcements, start=1)
        self._entries = [OutboxEntry(seq, kind, dict(payload)) for seq, (kind, payload) in numbered]

    @property
    def num_unacknowledged(self) -> int:
        return len(self._entries)

    def pending(self, limit: int) -> Sequence[OutboxEntry]:
        return self._entries[:limit]

    def acknowledge(self, seqs: Sequence[int]) -> None:
        known = set(seqs)
        self._entries = [entry for entry in self._entries if entry.seq not in known]


def send_all(source: Outbox, settings: Mapping[str, Any], *, connect: Connect = SenderProcess) -> list[str]:
    """Sends all of an outbox; returns what MLflow refuses for good, one line each.

    Raises:
        ArchfrontError: MLflow can't be reached; what is left stays in the outbox.
    """
    refusals: list[str] = []
    sender = connect(settings)
    try:
        while entries := source.pending(MAX_BATCH):
            refusals += _send(sender, entries, num_left=source.num_unacknowledged)
            source.acknowledge([entry.seq for entry in entries])
    finally:
        sender.end()
    return refusals


def _send(sender: Sender, entries: Sequence[OutboxEntry], *, num_left: int) -> list[str]:
    for pause_s in itertools.chain(PAUSES_S, [None]):
        try:
            return sender.send(entries)
        except ArchfrontError as error:
            if pause_s is None:
                raise ArchfrontError(
                    error.message, hint=f"{num_left:,} events are left; give the command again when MLflow is there"
                ) from error
            time.sleep(pause_s)
    raise AssertionError("the last time either returns or raises")
