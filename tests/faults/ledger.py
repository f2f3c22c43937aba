"""What a study was told, written down by itself: appended and synced line by line, so that no kill takes it back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Ledger:
    """A file of JSON lines; ``write`` returns once the line is on the disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, kind: str, **detail: Any) -> None:
        os.write(self._descriptor, (json.dumps({"kind": kind, **detail}) + "\n").encode())
        os.fsync(self._descriptor)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; nothing where there is no file yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
