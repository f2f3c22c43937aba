"""An object store that fails in passing, for good, or for want of a package."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestrator.errors import BadInputError, StorageError
from orchestrator.storage.remote import open_remote
from tests.s3_server import S3Server

SECRET = "a-secret-of-this-test"


@contextmanager
def answering(statuses: list[int]) -> Iterator[str]:
    """A server that answers with these codes in turn, and then always with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(**changes: str) -> None:
        for name, value in {**server.environment, "AWS_SECRET_ACCESS_KEY": SECRET, **changes}.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_store_that_fails_or_asks_for_less_is_asked_again(environment: Callable[..., None], status: int) -> None:
    with answering([status, status]) as endpoint:
        environment(AWS_ENDPOINT_URL=endpoint)
        assert open_remote("s3://bucket/study").put_once("events/1", b"x")


@pytest.mark.parametrize("status", [400, 403, 501])
def test_what_will_not_change_is_told_at_once(environment: Callable[..., None], status: int) -> None:
    statuses = [status] * 9
    with answering(statuses) as endpoint:
        environment(AWS_ENDPOINT_URL=endpoint)
        with pytest.raises(StorageError, match=r"s3://bucket/study: can't be written") as error:
            open_remote("s3://bucket/study").put("a", b"x")
    assert len(statuses) == 8
    assert SECRET not in error.value.message


def test_a_store_that_is_not_there_is_named_when_patience_ends(environment: Callable[..., None]) -> None:
    environment(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    with pytest.raises(StorageError, match=r"s3://bucket/study: can't be reached") as error:
        open_remote("s3://bucket/study", patience_s=0.3).get("a")
    assert "\n" not in error.value.message
    assert "nothing that was acknowledged is lost" in error.value.hint


def test_a_bucket_that_is_not_there_is_named(environment: Callable[..., None]) -> None:
    environment()
    with pytest.raises(StorageError, match=r"s3://absent/study: can't be written") as error:
        open_remote("s3://absent/study").put_once("a", b"x")
    assert error.value.hint == "make the bucket first"


def test_without_the_package_its_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_obstore(name: str, *arguments: Any) -> Any:
        if name.startswith("obstore"):
            raise ImportError(name)
        return imported(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_obstore)
    with pytest.raises(BadInputError, match="need the package obstore") as error:
        open_remote("s3://bucket/study")
    assert error.value.hint == 'pip install "archfront[object-store]"'
