"""Overrides from the command line: ``recipe.epochs=3`` in place of what the file says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.config.credentials import holds_secret, is_secret
from orchestrator.config.problems import KeyPath, dotted, printable

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """One ``--set``.

    Attributes:
        value: what the key gets.
        place: as it was written, without the value where that is a secret.
    """

    path: KeyPath
    value: Any
    place: str


def parse(text: str) -> Override:
    """Reads ``a.b=value``; the value is TOML where it can be read as TOML, and text elsewhere.

    Raises:
        ValueError: it is no such assignment; the message is a whole line.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise ValueError(f"--set {printable(key)}: must be KEY=VALUE, such as recipe.epochs=3")
    path, parsed = tuple(key.split(".")), _value(value.strip())
    is_hidden = any(is_secret(part) for part in path) or holds_secret(parsed)
    return Override(path=path, value=parsed, place=f"--set {printable(f'{key}=...' if is_hidden else text)}")


def apply(tables: dict[str, Any], override: Override) -> None:
    """Puts the value where the key says.

    Raises:
        ValueError: the key leads through a value that is no table; the message is a whole line.
    """
    *parents, name = override.path
    table = tables
    for depth, part in enumerate(parents, start=1):
        within = table.setdefault(str(part), {})
        if not isinstance(within, dict):
            parent = dotted(override.path[:depth])
            raise ValueError(f"{override.place}: {parent} is a value and has no keys of its own")  # noqa: TRY004
        table = within
    table[str(name)] = override.value


def covering(overrides: Sequence[Override], path: KeyPath) -> Override | None:
    """The last override that gave the value at ``path``, or what lies around it."""
    return next((one for one in reversed(overrides) if path[: len(one.path)] == one.path), None)


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A line break in the text would give further keys.
    return parsed["value"] if len(parsed) == 1 else text
