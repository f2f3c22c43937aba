"""Storage of both kinds: a shared folder, and a real S3 server on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.storage.remote import Remote, open_remote
from tests.s3_server import S3Server, s3_server


@pytest.fixture(scope="package")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["shared folder", "object store"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """An empty place."""
    if request.param == "shared folder":
        return open_remote((tmp_path / "mounted" / "study").as_uri())
    server: S3Server = request.getfixturevalue("server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return open_remote(server.url(f"runs/{secrets.token_hex(4)}"))
