"""Where MLflow is: the address, what may be said of it aloud, and where artifacts lie."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from orchestrator.config.settings import Tracking
from orchestrator.errors import BadInputError
from search_spaces.errors import did_you_mean

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"

SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SQLITE = "sqlite:///"
_WAY_OUT = "or search without tracking: --set tracking.enabled=false"


def resolve_uri(tracking: Tracking, runs: Path) -> str:
    """The address that a study is sent to: the study file's, else ``$MLFLOW_TRACKING_URI``, else a file in ``runs``.

    Raises:
        BadInputError: nothing can be sent there; the message shows no credentials.
    """
    if tracking.uri:
        return checked_uri(tracking.uri, "tracking.uri")
    if uri := os.environ.get("MLFLOW_TRACKING_URI", ""):
        return checked_uri(uri, "$MLFLOW_TRACKING_URI")
    return default_uri(runs)


def default_uri(runs: Path) -> str:
    """A file in ``runs``."""
    return sqlite_uri(runs / DATABASE)


def checked_uri(uri: str, where: str) -> str:
    """An address that events can be sent to, with its file's path in full; ``where`` it was given, for the message.

    Raises:
        BadInputError: nothing can be sent there; the message shows no credentials.
    """
    shown = redacted(uri, uri)
    way_out = "" if where.startswith("--") else f", {_WAY_OUT}"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise BadInputError(
            f'{where} = "{shown}": is no address',
            hint=f"its port must be a number, and %2F and the like stand for signs inside a password{way_out}",
        ) from None
    if problem := _problem(uri, parts):
        message, hint = problem
        raise BadInputError(f'{where} = "{shown}": {message}', hint=f"{hint}{way_out}")
    path = sqlite_path(uri)
    return uri if path is None or path.is_absolute() else sqlite_uri(path)


def sqlite_uri(path: Path) -> str:
    """The address of a database file, whatever its path is made of."""
    escaped = str(path.absolute()).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    return f"{_SQLITE}{escaped}"


def sqlite_path(uri: str) -> Path | None:
    """The file behind an address of ``sqlite_uri``; None for every other address."""
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0])) if uri.startswith(_SQLITE) else None


def artifact_location(uri: str, runs: Path) -> str | None:
    """Where a new experiment keeps its files: beside the database; None leaves it to a server."""
    if urlsplit(uri).scheme.partition("+")[0] not in _DATABASES:
        return None
    path = sqlite_path(uri)
    return ((path.parent if path is not None else runs.absolute()) / ARTIFACTS).as_uri()


def redacted(message: str, uri: str) -> str:
    """A message about ``uri`` without its user name, its password and its tokens."""
    message = re.sub(r"(?<=://)(?!/)[^\s'\"]*@", "", message)
    message = re.sub(r"((?:password|passwd|pwd|token|secret|key)=)[^&\s'\"]+", r"\1***", message, flags=re.IGNORECASE)
    for secret in _secrets(uri):
        message = message.replace(secret, "***")
    return message


def _secrets(uri: str) -> set[str]:
    try:
        password = urlsplit(uri).password
    except ValueError:
        password = None
    return {password, unquote(password)} if password else set()


def _problem(uri: str, parts: SplitResult) -> tuple[str, str] | None:
    """What is wrong with an address, and the way out."""
    base = parts.scheme.partition("+")[0]
    if base in SERVERS and not parts.hostname:
        return "names no host", f"write it like {base}://localhost:5000"
    if base == "sqlite" and not _is_sqlite_file(uri):
        return "is no database file that lasts", "write it like sqlite:////path/to/mlflow.db"
    if base in ("", "file") and uri != "databricks":
        return "is a folder, and MLflow keeps no new runs in folders", "write it like sqlite:////path/to/mlflow.db"
    known = {*SERVERS, *_DATABASES, "databricks", *_plugin_schemes()}
    if uri != "databricks" and base not in known:
        return f'MLflow knows no "{parts.scheme}" address', did_you_mean(parts.scheme, sorted(known))
    return None


def _is_sqlite_file(uri: str) -> bool:
    path = sqlite_path(uri)
    return path is not None and path.name not in ("", ":memory:")


def _plugin_schemes() -> set[str]:
    return {point.name for point in entry_points(group="mlflow.tracking_store")}
