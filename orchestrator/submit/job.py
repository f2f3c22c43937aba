"""A job of a Ray cluster: submitted, followed to its end, and ended with the code of its own program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError
from orchestrator.submit.address import NAMES_CLUSTER, check_reachable
from orchestrator.submit.upload import Upload

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

_NO_AGENT_YET = "No available agent"
"""What a head says in its first seconds."""
_PATIENCE_S = 60.0
_LISTEN_S = 300.0
_TALKATIVE = ("ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env")

Write = Callable[[str], None]


def prepare_environment() -> None:
    """Has Ray use a token that is there, in ``$RAY_AUTH_TOKEN`` or a file; call it before the first import of Ray."""
    given = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ)
    if given or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def submit(address: str, program: Sequence[str], upload: Upload | None, *, study: str) -> Job:
    """Uploads what there is to upload and has the cluster begin the program.

    Raises:
        BadInputError: no cluster answers at the address, or it wants another token.
        ArchfrontError: it refuses the job.
    """
    check_reachable(address)
    with _told_in_words(address):
        client = _client(address)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return Job(client, _submit(client, program, upload, study), address=address)
            except RuntimeError as error:
                if _NO_AGENT_YET not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(1)


class Job:
    """One job, by the name that its cluster knows it by."""

    def __init__(self, client: JobSubmissionClient, name: str, *, address: str) -> None:
        self._client = client
        self._address = address
        self.name = name

    def wait_for_start(self) -> None:
        """Returns when the program runs, or has ended, and after a minute in any case.

        Raises:
            ArchfrontError: it can't be started.
        """
        until = time.monotonic() + _PATIENCE_S
        with _told_in_words(self._address):
            while time.monotonic() < until:
                details = self._client.get_job_info(self.name)
                if details.status.is_terminal():
                    _check_program(self.name, details)
                if details.status != "PENDING":
                    return
                time.sleep(0.5)

    def follow(self, write: Write) -> int:
        """Passes on what the program prints until it ends; a connection that breaks is made again.

        Returns:
            The program's own exit code; 4 where it was stopped, 1 where something killed it.

        Raises:
            ArchfrontError: the cluster answers no longer, or the program never began.
        """
        log, failing_since = _Log(write), math.inf
        while True:
            try:
                with contextlib.suppress(TimeoutError):  # a head that has vanished says nothing: it is asked again
                    asyncio.run(asyncio.wait_for(self._tail(log), _LISTEN_S))
                details = self._client.get_job_info(self.name)
            except BrokenPipeError:  # nobody reads what is written
                raise
            except Exception as error:  # what HTTP, websockets and Ray raise has no common ground
                failing_since = min(failing_since, time.monotonic())
                if time.monotonic() - failing_since > _PATIENCE_S:
                    raise self._lost() from error
            else:
                failing_since = math.inf
                if details.status.is_terminal():
                    _check_program(self.name, details)
                    return _exit_code(details)
            time.sleep(1)

    async def _tail(self, log: _Log) -> None:
        log.rewind()
        async for text in self._client.tail_job_logs(self.name):
            log.take(text)

    def _lost(self) -> ArchfrontError:
        logs = f"ray job logs --address {self._address} --follow {self.name}"
        return ArchfrontError(
            f"{self._address} answers no longer; the job may go on",
            hint=f"{logs} shows it, and the same study submitted again goes on where it ended",
        )


class _Log:
    """Text that begins anew with each connection, written once."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._num_written = 0
        self._position = 0

    def rewind(self) -> None:
        self._position = 0

    def take(self, text: str) -> None:
        new = text[max(0, self._num_written - self._position) :]
        self._position += len(text)
        if new:
            self._write(new)
            self._num_written = self._position


def _client(address: str) -> JobSubmissionClient:
    from ray.job_submission import JobSubmissionClient

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in NAMES_CLUSTER:  # they would win over the address
        os.environ.pop(name, None)
    try:
        return JobSubmissionClient(address)
    except RuntimeError as error:  # something answers, and not as a dashboard does
        raise ConnectionError(str(error)) from error


def _submit(client: JobSubmissionClient, program: Sequence[str], upload: Upload | None, study: str) -> str:
    name: str = client.submit_job(
        entrypoint=shlex.join(program),
        submission_id=f"{study}-{secrets.token_hex(3)}",
        runtime_env=upload.runtime_env if upload is not None else None,
        metadata={"study": study},
    )
    return name


@contextlib.contextmanager
def _told_in_words(address: str) -> Iterator[None]:
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise BadInputError(
            f"{address} wants another token",
            hint="set RAY_AUTH_TOKEN to the cluster's, or RAY_AUTH_TOKEN_PATH to the file that holds it",
        ) from error
    except (OSError, KeyError, ValueError) as error:  # errors of HTTP are errors of the system
        raise BadInputError(
            f"{address} does not answer as a Ray cluster's dashboard does: {_first_line(error)}",
            hint="name the dashboard of the head, such as http://head:8265",
        ) from error
    except RuntimeError as error:
        raise ArchfrontError(f"{address} refuses the job: {_first_line(error)}") from error


def _check_program(name: str, details: JobDetails) -> None:
    """Raises where a job ended before archfront could say anything itself."""
    message = details.message or ""
    if "No module named orchestrator" in message:
        raise ArchfrontError(
            "archfront is not installed where the job ran",
            hint="install it on every node, in this version, or submit from a checkout, which is taken along",
        )
    if details.status == "FAILED" and details.driver_exit_code is None:
        raise ArchfrontError(f"job {name} could not be started: {message[:500]}")


def _exit_code(details: JobDetails) -> int:
    if details.status == "SUCCEEDED":
        return 0
    if details.status == "STOPPED":
        return InterruptedStudyError.exit_code
    code = details.driver_exit_code or 1
    return code if 0 < code <= InterruptedStudyError.exit_code else 1


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
