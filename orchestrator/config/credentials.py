"""Secrets have no place in a study file, because every study keeps a copy of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from orchestrator.config.problems import KeyPath, Problems

_SECRET = re.compile(r"passw(or)?d|passphrase|token|secret|credential|api_?key|access_?key|private_?key", re.IGNORECASE)
_RULE = "a secret has no place in a study file, because every study keeps a copy of it"


def is_secret(name: str) -> bool:
    """Whether a key by this name would hold a secret."""
    return _SECRET.search(name.replace("-", "_")) is not None


def take_out_secrets(tables: dict[str, Any], problems: Problems) -> None:
    """Empties every secret of the tables, and every address that holds one; the problems never show a value."""
    for path, within in list(_secrets(tables)):
        problems.add(path, _RULE, hint=_way_out(path))
        if is_secret(str(path[-1])):
            del within[path[-1]]
        else:
            within[path[-1]] = ""


def has_credentials(uri: str) -> bool:
    """Whether an address holds a password or a token."""
    try:
        parts = urlsplit(uri)
        return parts.password is not None or any(is_secret(key) for key, _ in parse_qsl(parts.query))
    except ValueError:
        return "@" in uri


def holds_secret(value: Any) -> bool:
    """Whether a value of an override is, or has within it, what must not be shown."""
    if isinstance(value, dict):
        return any(is_secret(key) or holds_secret(item) for key, item in value.items())
    if isinstance(value, list):
        return any(holds_secret(item) for item in value)
    return isinstance(value, str) and has_credentials(value)


def _secrets(within: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Each key that would hold a secret, and each address with one, with the table or list that it is in."""
    for key, item in within.items() if isinstance(within, dict) else enumerate(within):
        is_address = isinstance(item, str) and "://" in item
        if (isinstance(key, str) and is_secret(key)) or (is_address and has_credentials(item)):
            yield (*path, key), within
        elif isinstance(item, dict | list):
            yield from _secrets(item, (*path, key))


def _way_out(path: KeyPath) -> str:
    name = str(path[-1]).lower()
    if path == ("tracking", "uri"):
        return "set MLFLOW_TRACKING_URI to the whole address instead"
    if not is_secret(name):
        return "name the place alone: credentials come from the environment or from the node's role"
    if "aws" in name or "access" in name:
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
    return f"set {'MLFLOW_TRACKING_PASSWORD' if 'passw' in name else 'MLFLOW_TRACKING_TOKEN'} instead"
