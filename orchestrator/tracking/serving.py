"""MLflow's pages over a database, served by this very process: nothing is left of them when it ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from pathlib import Path
from typing import Any

from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.tracking.address import artifact_location, redacted, sqlite_path
from orchestrator.tracking.failures import explain

HOST = "127.0.0.1"

_ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a queue, workers of its own and a folder in shared memory
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "DO_NOT_TRACK": "true",
    "OMP_NUM_THREADS": "1",
}
"""Where the user says nothing."""

_NUM_PORTS = 100


def listen(port: int) -> socket.socket:
    """Takes a port before anything slow is imported.

    Raises:
        BadInputError: it is taken, or not allowed.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInputError(f"--port {port}: another program listens there", hint=_free_port(port)) from error
        raise BadInputError(f"--port {port}: {error.strerror}", hint="give one above 1023") from error


def pages(uri: str, runs: Path) -> Any:
    """MLflow's application over a database, as ``serve`` takes it; imports MLflow, which takes seconds.

    Raises:
        BadInputError: there is no such database.
        ArchfrontError: MLflow can't open it.
    """
    path = sqlite_path(uri)
    if path is not None and not path.is_file():
        raise BadInputError(f"{path}: no such database", hint="archfront sync DIR --all sends a study there again")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    artifacts = artifact_location(uri, runs) or ""
    try:
        return _application(uri, artifacts)
    except Exception as error:
        raise ArchfrontError(f"MLflow can't show {redacted(uri, uri)}: {explain(error, uri)}") from error


def serve(application: Any, listener: socket.socket) -> None:
    """Answers browsers until Ctrl-C."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # a page is dozens of files: connections stay open
    port = listener.getsockname()[1]
    make_server(HOST, port, application, threaded=True, fd=listener.fileno()).serve_forever()


def _application(uri: str, artifacts: str) -> Any:
    """MLflow's pages and their interface: what `mlflow server` gives to a worker of gunicorn.

    Its other application has a gateway to language models and an assistant that runs commands, too.
    """
    from mlflow import server
    from mlflow.server import constants, security
    from mlflow.server.handlers import initialize_backend_stores

    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = uri
    os.environ[constants.REGISTRY_STORE_URI_ENV_VAR] = uri
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = artifacts
    if not server.is_running_as_server:
        security.init_security_middleware(server.app)  # refuses what other hosts' pages ask for
    initialize_backend_stores(uri, uri, artifacts)
    return server.app


def _free_port(port: int) -> str:
    for other in range(port + 1, min(port + _NUM_PORTS, 65_536)):
        with contextlib.suppress(OSError), socket.create_server((HOST, other)):
            return f"--port {other} is free"
    return "give another port"
