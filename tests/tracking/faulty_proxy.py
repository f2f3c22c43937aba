"""A proxy before a server that does to requests what networks and servers do."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to a request."""

    NONE = auto()
    HANG = auto()  # no answer
    ERROR = auto()  # an answer 500, and the server never sees the request
    UNAUTHORIZED = auto()  # an answer 401
    RESET = auto()  # the server does what is asked, and the answer is lost
    SLOW = auto()  # the answer takes half a second
    LATE = auto()  # the server is asked when ``release`` is called, long after the caller has given up


class FaultyProxy:
    """Passes requests on to ``upstream``, each with the fault that ``choose`` has for it.

    ``choose`` is called with the method and the path of a request. Where ``token`` is set, every request must bear it.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.choose: Callable[[str, str], Fault] = lambda _method, _path: Fault.NONE
        self.token = ""
        self.num_requests = 0
        self._released = threading.Event()
        self._server: _Server | None = None
        self._port = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fail_with(self, fault: Fault) -> None:
        """Every request from now on."""
        self.choose = lambda _method, _path: fault

    def listen(self) -> None:
        """Accepts connections, on the port that it had before."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def refuse(self) -> None:
        """Refuses connections until ``listen``."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def release(self) -> None:
        """Ends what hangs, and lets the server see what is late."""
        self._released.set()

    def wait_for_release(self) -> None:
        self._released.wait(60)

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self.refuse()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], proxy: FaultyProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers give up in the middle: that is what they are here for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def handle_any(self) -> None:
        proxy = self.server.proxy
        proxy.num_requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.token and self.headers.get("Authorization") != f"Bearer {proxy.token}":
            self._answer(401, b"who are you?")
            return
        match proxy.choose(self.command, self.path):
            case Fault.NONE:
                self._answer(*self._ask(body))
            case Fault.HANG:
                proxy.wait_for_release()
            case Fault.ERROR:
                self._answer(500, b"broken")
            case Fault.UNAUTHORIZED:
                self._answer(401, b"who are you?")
            case Fault.RESET:
                self._ask(body)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case Fault.SLOW:
                time.sleep(0.5)
                self._answer(*self._ask(body))
            case Fault.LATE:
                proxy.wait_for_release()
                self._ask(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.proxy.upstream, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        connection.request(self.command, self.path, body, kept)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Tests print nothing."""
