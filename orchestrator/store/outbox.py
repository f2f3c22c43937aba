from __future__ import annotations
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    seq: int
    kind: str
    payload: dict[str, Any]
