"""The sending process as its driver sees it: started when there is something to send, and ended without waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from orchestrator.errors import ArchfrontError
from orchestrator.store.outbox import OutboxEntry

_SOURCES = Path(__file__).resolve().parents[2]

_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the tracker repeats; with 7 one call takes minutes to fail
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "true",
    "OMP_NUM_THREADS": "1",
}
"""For this process alone, and only where the user says nothing."""


class SenderProcess:
    """Sends batches through ``orchestrator.tracking.sender``, starting it again where it died.

    A process and not a thread: while MLflow is imported in a thread, the driver's loop stands still for 0.3 s at a
    time, and for 2.4 s where that thread is the nice one (it is the one that holds the interpreter's lock). Besides,
    a process can be ended in the middle of a call that hangs.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._is_over = False
        self._lock = Lock()

    def send(self, entries: Sequence[OutboxEntry]) -> list[str]:
        """Returns once MLflow has all of them; the result is what it refuses for good, one line each.

        Raises:
            ArchfrontError: they are to be sent again; the message is one line.
        """
        answer = self._ask([(entry.kind, entry.payload) for entry in entries])
        if "error" in answer:
            raise ArchfrontError(answer["error"])
        refusals: list[str] = answer["refusals"]
        return refusals

    def end(self) -> None:
        """Ends the process, in the middle of a call if need be; no other is started."""
        with self._lock:
            self._is_over = True
            self._discard()

    def _ask(self, request: object) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # ValueError: ended by another thread meanwhile
            line = ""
        if not line.endswith("\n"):  # nothing, or what was written of an answer before the process was killed
            with self._lock:
                self._discard()
            raise ArchfrontError(f"the process that sends to MLflow ended (exit code {process.returncode})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _running(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._is_over:
                raise ArchfrontError("tracking is closed")
            if self._process is None:
                self._process = _start()
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(dict(self._settings)) + "\n")
            return self._process

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


def _start() -> subprocess.Popen[str]:
    # Ctrl-C reaches every process of a terminal, and this one has to send what the driver does about it:
    # a signal that is blocked stays blocked in the processes that a thread starts.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "orchestrator.tracking.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            encoding="utf-8",
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_SOURCES), os.environ.get("PYTHONPATH", ""))))
    return {**_ENVIRONMENT, **os.environ, "PYTHONPATH": path}
