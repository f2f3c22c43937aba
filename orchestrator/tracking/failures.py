"""What went wrong with MLflow, as one line for the display that says what can be done."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.errors import ArchfrontError, chain_of
from orchestrator.tracking.address import redacted

MAX_LENGTH = 200

_KNOWN = {
    r"No module named '?mlflow": "MLflow is not installed here",
    r"CERTIFICATE_VERIFY_FAILED|certificate verify failed": (
        "{place} shows a certificate that nobody here trusts: set MLFLOW_TRACKING_SERVER_CERT_PATH to its authority's"
    ),
    r"SSLError|SSL: |WRONG_VERSION_NUMBER": "{place} does not speak TLS: is it an http address?",
    r"\b401\b|UNAUTHENTICATED|CUSTOMER_UNAUTHORIZED": (
        "{place} refuses the credentials: "
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    ),
    r"\b403\b|PERMISSION_DENIED": "{place} forbids it: this user may not write there",
    r"NameResolutionError|Name or service not known|getaddrinfo": "{place}: no such host",
    r"Connection refused": "{place} refuses connections: is the server running?",
    r"[Tt]imed? ?out": "{place} does not answer in time",
    r"Connection reset|RemoteDisconnected|Connection aborted|IncompleteRead|BrokenPipe": (
        "{place} breaks connections off"
    ),
    r"too many (\d{3}) error|error code (\d{3}) != 200": "{place} answers with error {code}",
    r"database is locked": "{place} is locked by another program",
    r"out-of-date database schema": "{place} is of an older MLflow: run `mlflow db upgrade` on it",
}
"""What MLflow's client says, by pattern, and what a person is told instead; the first that matches."""

_REFUSED = {400, 403, 404, 405, 501}


def is_refusal(error: Any) -> bool:
    """Whether an error of MLflow's is its last word, as from a server that lacks a part or a user who may not."""
    return error.get_http_status_code() in _REFUSED


def explain(error: BaseException, uri: str) -> str:
    """One line about an error of MLflow's client; credentials never appear in it."""
    if isinstance(error, ArchfrontError):
        return redacted(error.message, uri)
    place = redacted(uri, uri)
    # MLflow puts the cause's text into its own, but not its type.
    words = " ".join(f"{type(one).__name__}: {one}" for one in chain_of(error))
    for pattern, sentence in _KNOWN.items():
        if match := re.search(pattern, words):
            code = next((group for group in match.groups() if group), "")
            return redacted(sentence.format(code=code, place=f"MLflow at {place}"), uri)
    lines = str(error).strip().splitlines() or [""]
    return redacted(f"{type(error).__name__}: {lines[0]}", uri)[:MAX_LENGTH]
