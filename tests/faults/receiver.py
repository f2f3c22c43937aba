"""A file in the place of an MLflow server: whatever is sent is appended, also what was there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.store.outbox import OutboxEntry
from tests.faults.ledger import Ledger


class FileReceiver:
    """Has the face of ``SenderProcess``."""

    def __init__(self, path: Path) -> None:
        self._file = Ledger(path)

    def send(self, entries: Sequence[OutboxEntry]) -> list[str]:
        for entry in entries:
            self._file.write(entry.kind, seq=entry.seq, payload=entry.payload)
        return []

    def end(self) -> None:
        """Nothing is open that a killed process would not close."""
