"""One migrated database and one server for all tests: either takes seconds to make."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.tracking.address import sqlite_uri
from tests.tracking.faulty_proxy import FaultyProxy


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from orchestrator.tracking.database import create_database

    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    create_database(path)
    return path


@pytest.fixture
def database_uri(tmp_path: Path, empty_database: Path) -> str:
    runs = tmp_path / "runs"
    (runs / "digits").mkdir(parents=True)
    shutil.copy(empty_database, runs / "mlflow.db")
    return sqlite_uri(runs / "mlflow.db")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The study's directory, beside ``database_uri``."""
    folder = tmp_path / "runs" / "digits"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def server_uri(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[str]:
    """A real MLflow server on a port of its own."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder / "mlflow.db")
    port = free_port()
    options = {
        "--backend-store-uri": sqlite_uri(folder / "mlflow.db"),
        "--artifacts-destination": str(folder / "artifacts"),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(word for option in options.items() for word in option)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def proxy(server_uri: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(server_uri) as proxy:
        yield proxy


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"MLflow's server ended: {log.read_text()[-2000:]}")
