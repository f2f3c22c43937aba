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
    """Removes every secret from the tables, with a problem that never shows its value."""
    for path, table in list(_secret_keys(tables)):
        problems.add(path, _RULE, hint=f"set {_variable(str(path[-1]))} instead")
        del table[str(path[-1])]


def check_uri(uri: str, problems: Problems) -> None:
    """Refuses a tracking address that carries a user's name, a password or a token."""
    if has_credentials(uri):
        problems.add(("tracking", "uri"), _RULE, hint="set MLFLOW_TRACKING_URI to the whole address instead")


def has_credentials(uri: str) -> bool:
    """Whether an address holds more than a place."""
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


def _secret_keys(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Each key that would hold a secret, with the table that it is in."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secret_keys(item, (*path, index))
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        if is_secret(name):
            yield (*path, name), value
        else:
            yield from _secret_keys(item, (*path, name))


def _variable(name: str) -> str:
    lowered = name.lower()
    if "aws" in lowered or "access" in lowered:
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return "MLFLOW_TRACKING_PASSWORD" if "passw" in lowered else "MLFLOW_TRACKING_TOKEN"
