"""A sentence and the facts that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Part of an explanation; ``facts`` holds JSON values, ``text`` whole sentences, or nothing."""

    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
