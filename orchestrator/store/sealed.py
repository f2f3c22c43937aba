"""JSON files with a checksum of all that they hold: what was changed by a disk or by hand is not taken for true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.storage import write_bytes

SEAL = "sha256"


def sealed_line(fields: Mapping[str, Any]) -> str:
    """The fields and their checksum on one line."""
    return json.dumps({**fields, SEAL: _checksum(fields)}, allow_nan=False)


def is_whole(fields: Any) -> bool:
    """Whether the checksum is that of the fields; those of before there were seals have none."""
    return isinstance(fields, dict) and fields.get(SEAL, _checksum(fields)) == _checksum(fields)


def to_sealed(fields: Mapping[str, Any]) -> bytes:
    """The content of such a file: a field on each line, in their order, which people are shown.

    The names of all fields are text, inner ones too: others would be sorted otherwise once they are read back.
    """
    lines = (
        f" {json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        for name, value in {**fields, SEAL: _checksum(fields)}.items()
    )
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def write_sealed(path: Path, fields: Mapping[str, Any], *, is_synced: bool = True) -> None:
    """Writes an object in one step."""
    write_bytes(path, to_sealed(fields), is_synced=is_synced)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What ``write_sealed`` wrote; None where it is absent or changed."""
    try:
        return parse_sealed(path.read_bytes())
    except OSError:
        return None


def parse_sealed(content: bytes) -> dict[str, Any] | None:
    """What ``to_sealed`` gave; None where it was changed."""
    try:
        fields = json.loads(content)
        return fields if is_whole(fields) else None
    except (ValueError, RecursionError):
        return None


def _checksum(fields: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in fields.items() if name != SEAL}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
