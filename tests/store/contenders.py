"""A process that takes studies when it is told to, and says what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from orchestrator.errors import ArchfrontError
from orchestrator.store.opening import create, take
from orchestrator.store.store import StudyStore

FROZEN: dict[str, Any] = {}


class Contender:
    """The test's end of such a process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.contenders"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, order: str, root: Path, **options: bool) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, "root": str(root), "options": options}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Empty where it went well, else the error's message."""
        assert self._process.stdout is not None
        error: str = json.loads(self._process.stdout.readline())
        return error


def main() -> None:
    store: StudyStore | None = None
    for line in sys.stdin:
        told = json.loads(line)
        error = ""
        try:
            match told["order"]:
                case "make":
                    create(Path(told["root"]), name="raced", frozen=FROZEN, frozen_hash="same")
                    store = take(Path(told["root"]))
                case "take":
                    store = take(Path(told["root"]), **told["options"])
                case "write":
                    assert store is not None
                    store.note("written", {"pid": os.getpid()})
                case "close":
                    assert store is not None
                    store.close()
        except ArchfrontError as problem:
            error = problem.message
        print(json.dumps(error), flush=True)


if __name__ == "__main__":
    main()
