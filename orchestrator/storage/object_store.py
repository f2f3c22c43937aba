"""S3, Google Cloud Storage and Azure Blob Storage by ``obstore``, which finds credentials as their own tools do."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from orchestrator.errors import BadInputError, StorageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_PAUSE_S = 10.0
_REQUEST_S = "30s"
_CONNECT_S = "5s"
_STATUS = re.compile(r"status code: (\d{3})")
_WORTH_ANOTHER_TRY = {"408", "409", "425", "429"}
_CREDENTIALS = "give credentials to this process and to every node as the store's own tools take them, such as AWS_*"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Objects below a prefix. What fails in passing (no network, 5xx, throttling) is tried again for a while."""

    url: str
    _client: Client
    _patience_s: float

    @classmethod
    def at(cls, url: str, *, patience_s: float) -> Self:
        """The store at an address; nothing is asked of it yet.

        Raises:
            BadInputError: obstore is not installed, or knows no such address.
        """
        try:
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError as error:
            raise BadInputError(
                f"{url}: object stores need the package obstore", hint='pip install "archfront[object-store]"'
            ) from error
        options: dict[str, Any] = {
            # Of the client options in the environment obstore reads none once it is given any.
            "client_options": {"timeout": _REQUEST_S, "connect_timeout": _CONNECT_S, "allow_http": _allows_http(url)},
            "retry_config": {"max_retries": 0, "retry_timeout": timedelta(0)},  # how long is counted here
        }
        try:
            return cls(url, from_url(url, **options), patience_s)
        except (BaseError, ValueError) as error:
            raise BadInputError(f"{url}: is no storage: {_first_line(error)}") from error

    def __str__(self) -> str:
        return self.url

    def put(self, name: str, content: bytes | Path) -> None:
        import obstore

        self._tried("written", lambda: obstore.put(self._client, name, content))

    def put_once(self, name: str, content: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        def create() -> bool:
            try:
                obstore.put(self._client, name, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

        return self._tried("written", create) or self.get(name) == content

    def get(self, name: str) -> bytes | None:
        import obstore

        def read() -> bytes | None:
            try:
                return bytes(obstore.get(self._client, name).bytes())
            except FileNotFoundError:
                return None

        return self._tried("read", read)

    def fetch(self, name: str, to: Path) -> bool:
        import obstore

        def read() -> bool:
            try:
                found = obstore.get(self._client, name)
            except FileNotFoundError:
                return False
            with to.open("wb") as file:
                for chunk in found.stream():
                    file.write(chunk)
            return True

        return self._tried("read", read)

    def names(self, folder: str, *, after: str = "") -> list[str]:
        import obstore

        def read() -> list[str]:
            pages = obstore.list(self._client, folder, offset=after or None)
            return sorted(item["path"] for page in pages for item in page)

        return self._tried("listed", read)

    def delete(self, names: Iterable[str]) -> None:
        import obstore

        wanted = list(names)

        def remove() -> None:
            try:
                obstore.delete(self._client, wanted)
            except FileNotFoundError:  # S3 says nothing of what is absent, other stores stop there
                for name in wanted:
                    with contextlib.suppress(FileNotFoundError):
                        obstore.delete(self._client, name)

        if wanted:
            self._tried("written", remove)

    def _tried(self, done: str, call: Callable[[], T]) -> T:
        """The result of a call, tried again for as long as patience lasts.

        Raises:
            StorageError: it can't be ``done``.
        """
        from obstore.exceptions import BaseError

        deadline, pause_s = time.monotonic() + self._patience_s, 0.1
        while True:
            try:
                return call()
            except (BaseError, FileNotFoundError) as error:
                if not _is_passing(error) or time.monotonic() + pause_s > deadline:
                    raise self._error(done, error) from error
                logger.info("%s can't be %s for now: %s", self.url, done, _first_line(error))
            time.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(_MAX_PAUSE_S, 2 * pause_s)

    def _error(self, done: str, error: Exception) -> StorageError:
        text = _first_line(error)
        status = _STATUS.search(text)
        if "169.254.169.254" in text or "credential" in text.lower():
            return StorageError(f"{self.url}: no credentials were found", hint=_CREDENTIALS)
        if status is None:
            hint = "check the address and the network; nothing that was acknowledged is lost"
            return StorageError(f"{self.url}: can't be reached: {text}", hint=hint)
        hints = {
            "403": _CREDENTIALS,
            "401": _CREDENTIALS,
            "404": "make the bucket first",
            "501": "it must know conditional puts (If-None-Match), which keep two drivers apart",
        }
        return StorageError(f"{self.url}: can't be {done}: {text}", hint=hints.get(status[1], ""))


def _allows_http(url: str) -> bool:
    """Whether the store's own variable says so, as for a server inside a cluster: ``AWS_ALLOW_HTTP``."""
    maker = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}[url.partition("://")[0]]
    return os.environ.get(f"{maker}_ALLOW_HTTP", "").lower() in ("1", "true", "yes")


def _is_passing(error: Exception) -> bool:
    """Whether another try may succeed: there was no answer, the store failed, or it asks for less."""
    from obstore.exceptions import GenericError

    status = _STATUS.search(str(error))
    if status is None:
        return isinstance(error, GenericError) and "builder error" not in str(error)  # plain HTTP is not allowed
    return status[1] in _WORTH_ANOTHER_TRY or (status[1].startswith("5") and status[1] != "501")


def _first_line(error: Exception) -> str:
    """What went wrong, without the page of internals that follows, and without what the server sent with it."""
    line = str(error).partition("\n")[0]
    line = re.sub(r"^Generic \w+ error: ", "", line.partition(": <?xml")[0])
    return re.sub(r" in [\d.]+.?s - ", ": ", line)[:300]
