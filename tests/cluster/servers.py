"""MLflow's server on PostgreSQL, on a host of the cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.hosts import Host

_PORT = 5000
_TO_START_S = 120.0
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def missing() -> str:
    """What keeps this machine from having such a server; empty when nothing does."""
    return "" if _BINARIES else "PostgreSQL is not installed"


@contextmanager
def mlflow_on_postgres(host: Host) -> Iterator[str]:
    """Starts both on a host, and ends them; gives the address of the server."""
    folder = Path(tempfile.mkdtemp(prefix="afm"))
    folder.chmod(0o777)  # PostgreSQL refuses to run as root
    database = folder / "db"
    try:
        _as_postgres(host, "initdb", "--no-sync", "--encoding=UTF8", "-A", "trust", "-D", str(database))
        _as_postgres(
            host, "pg_ctl", "-w", "-D", str(database), "-o", f"-k {folder} -h '' -F", "-l", f"{folder}/pg.log", "start"
        )
        with _server(host, f"postgresql+psycopg2://postgres@/postgres?host={folder}", folder) as address:
            yield address
    finally:
        _as_postgres(host, "pg_ctl", "-D", str(database), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(host: Host, database: str, folder: Path) -> Iterator[str]:
    address = f"http://{host.address}:{_PORT}"
    options = {
        "--backend-store-uri": database,
        "--artifacts-destination": str(folder / "artifacts"),
        "--host": host.address,
        "--port": str(_PORT),
        "--workers": "1",
        "--allowed-hosts": f"{host.address}:{_PORT}",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(word for option in options.items() for word in option)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            host.command(*command), stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        _wait_for(f"{address}/health", process, folder / "mlflow.log")
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _as_postgres(host: Host, program: str, *words: str) -> None:
    command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", str(_BINARIES[-1] / program)]
    host.run(*command, *words, environment={"PATH": os.environ["PATH"], "LC_ALL": "C"})


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + _TO_START_S
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"MLflow's server does not answer: {log.read_text()[-2000:]}")
