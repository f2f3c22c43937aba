"""The store's outbox, as tracking sees it: what happened and was not sent yet, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One event that is not acknowledged.

    Attributes:
        seq: rises with every entry.
        kind, payload: of an event, as ``events.event_from`` reads them.
    """

    seq: int
    kind: str
    payload: dict[str, Any]


class Outbox(Protocol):
    """Where events wait; every method may be called from any thread."""

    @property
    def num_unacknowledged(self) -> int: ...

    def pending(self, limit: int) -> Sequence[OutboxEntry]:
        """The oldest entries, by ``seq``."""
        ...

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Drops entries for good."""
        ...
