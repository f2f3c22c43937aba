"""An S3 server on loopback, in a process of its own: moto's, which speaks the real protocol and keeps all in memory."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_TO_START_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Server:
    """Where it listens, and one bucket that it has."""

    endpoint: str
    bucket: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What clients of S3 read, pyarrow's and obstore's alike."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # any pair gets in
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def url(self, path: str) -> str:
        return f"s3://{self.bucket}/{path}"


@contextmanager
def s3_server(*, host: str = "127.0.0.1", bucket: str = "bucket") -> Iterator[S3Server]:
    """Starts the server, makes a bucket, and ends the server."""
    with socket.create_server((host, 0)) as listener:
        port: int = listener.getsockname()[1]
    endpoint = f"http://{host}:{port}"
    process = subprocess.Popen(
        [sys.executable, __file__, host, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(endpoint)
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT"), timeout=10).close()
        yield S3Server(endpoint=endpoint, bucket=bucket)
    finally:
        process.kill()
        process.wait()


def _wait_for(endpoint: str) -> None:
    deadline_s = time.monotonic() + _TO_START_S
    while not _answers(endpoint):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{endpoint} does not answer")
        time.sleep(0.1)


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _serve(host: str, port: int) -> None:
    """One request after the other: moto looks whether an object is there and then puts it; S3 does both at once."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    application = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turn(environment: dict[str, Any], start_response: Any) -> Any:
        with turn:
            return application(environment, start_response)

    run_simple(host, port, in_turn, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
