"""What makes a study this one: ``study.json``, beside study.db."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from orchestrator.store.schema import SCHEMA_VERSION
from orchestrator.store.sealed import parse_sealed, read_sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What never changes in the life of a study.

    Attributes:
        study_id: unique over machines and directories.
        frozen: the settings that may not change, as JSON values.
    """

    study_id: str
    name: str
    created_at: str
    frozen: Mapping[str, Any]
    frozen_hash: str

    @classmethod
    def new(cls, *, name: str, frozen: Mapping[str, Any], frozen_hash: str) -> Self:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(study_id=secrets.token_hex(8), name=name, created_at=now, frozen=frozen, frozen_hash=frozen_hash)

    def to_fields(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}


def read_identity(path: Path) -> Identity | None:
    """What ``study.json`` says; None where it is absent, damaged, or of an earlier archfront."""
    return _identity(read_sealed(path) or {})


def parse_identity(content: bytes | None) -> Identity | None:
    """The same of what such a file holds, where it lies in remote storage."""
    return _identity((parse_sealed(content) if content else None) or {})


def _identity(fields: Mapping[str, Any]) -> Identity | None:
    try:
        return Identity(**{field.name: fields[field.name] for field in dataclasses.fields(Identity)})
    except KeyError:
        return None
