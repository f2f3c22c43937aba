"""Starts toy studies by fork from a process that has imported everything: a child is there in milliseconds.

Reads requests and answers them with exit codes, one JSON value a line; -9 is a child that was killed.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Nursery:
    """The parent's view of it."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def run(
        self, folder: Path, *, settings: Sequence[str] = (), failpoint: str = "", kill_after_s: float | None = None
    ) -> int:
        """One driver process of the study in ``folder``; its exit code, negative where a signal has ended it."""
        folder.mkdir(exist_ok=True)
        request = {
            "folder": str(folder),
            "settings": list(settings),
            "failpoint": failpoint,
            "kill_after_s": kill_after_s,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the nursery has died: {self._log.read_text()[-2000:]}")
        return int(answer)


@contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """Starts it; what children write to stderr is in ``log``."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
        )
        with process:
            yield Nursery(process, log)
            assert process.stdin is not None
            process.stdin.close()


def main() -> None:
    import pandas  # noqa: F401 - pyarrow imports it when the first table is written

    from orchestrator import failpoints
    from orchestrator.config.settings import SearchConfig
    from tests.faults import toy
    from tests.faults.studies import toy_config

    @functools.cache
    def config(settings: tuple[str, ...]) -> SearchConfig:
        return toy_config(*settings)

    for line in sys.stdin:
        request = json.loads(line)
        settings = config(tuple(request["settings"]))
        pid = os.fork()
        if pid == 0:
            failpoints.arm(request["failpoint"])
            os._exit(_child(functools.partial(toy.run, Path(request["folder"]), settings)))
        print(_exit_code(pid, request["kill_after_s"]), flush=True)


def _child(run: Callable[[], None]) -> int:
    try:
        run()
    except BaseException:  # noqa: BLE001 - the exit code says it
        traceback.print_exc()
        return 1
    return 0


def _exit_code(pid: int, kill_after_s: float | None) -> int:
    if kill_after_s is None:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    deadline = time.monotonic() + kill_after_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
