"""A Ray that outlives studies: they join it by its address and with its token, as they would join a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tracking.conftest import free_port

ROOT = Path(__file__).parents[2]
_SUPERVISE = "import sys; from orchestrator.runtime.supervisor import supervise; sys.exit(supervise(sys.argv[1:]))"
_TOKEN = "a-token-of-this-head-alone-0123456789"
_PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Head:
    """One node of two CPUs.

    Attributes:
        pid: of the process below which all of it runs.
        environment: what a driver must have in its own to get in.
    """

    address: str
    pid: int
    environment: Mapping[str, str]


@contextmanager
def ray_head(folder: Path, *more: str) -> Iterator[Head]:
    """Starts it with more options of ``ray start``, and ends it with all that it started: a supervisor sees to it."""
    port = free_port()
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN, "PYTHONPATH": str(ROOT)}
    options = ("--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2")
    command = [str(Path(sys.executable).with_name("ray")), "start", *options, "--include-dashboard=false", *more]
    log = folder / "head.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _SUPERVISE, *command],
            cwd=folder,
            env=os.environ | environment | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_started(process, log)
        yield Head(address=f"127.0.0.1:{port}", pid=process.pid, environment=environment)
    finally:
        process.terminate()
        process.wait()


def _wait_until_started(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while b"Ray runtime started" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Ray's head has not started: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
