"""A process that takes studies when it is told to, and says what came of it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from orchestrator.errors import ArchfrontError
from orchestrator.store.opening import create, take
from orchestrator.store.remote_study import take_remote
from orchestrator.store.store import StudyStore

FROZEN: dict[str, Any] = {}


class Contender:
    """The test's end of such a process."""

    def __init__(self, host: str = "", environment: Mapping[str, str] | None = None) -> None:
        """A ``host`` is what the process takes for its machine's name."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.contenders", host],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, order: str, root: Path | str, **options: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, "root": str(root), "options": options}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Empty where it went well, else the error's message."""
        assert self._process.stdout is not None
        error: str = json.loads(self._process.stdout.readline())
        return error


def main() -> None:
    if host := sys.argv[1]:
        socket.gethostname = lambda: host
    store: StudyStore | None = None
    for line in sys.stdin:
        told, error = json.loads(line), ""
        try:
            if told["order"] in ("make", "take", "take there"):
                store = _taken(told["order"], told["root"], told["options"])
            else:
                assert store is not None
                _obey(store, told["order"], told["options"])
        except ArchfrontError as problem:
            error = problem.message
        print(json.dumps(error), flush=True)


def _taken(order: str, root: str, options: dict[str, Any]) -> StudyStore:
    match order:
        case "make":
            create(Path(root), name="raced", frozen=FROZEN, frozen_hash="same")
            return take(Path(root))
        case "take":
            return take(Path(root), **options)
        case _:
            return take_remote(root, Path(options.pop("here")), **options)


def _obey(store: StudyStore, order: str, options: dict[str, Any]) -> None:
    match order:
        case "write":
            store.note("written", {"pid": os.getpid()})
        case "write on":
            for number in itertools.count(1):
                store.set_constants({"number": number})
                Path(options["acknowledged"]).write_text(str(number))
        case "close":
            store.close()


if __name__ == "__main__":
    main()
