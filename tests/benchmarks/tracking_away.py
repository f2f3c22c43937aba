"""What MLflow costs a search when it is there, refuses or hangs: ``python -m tests.benchmarks.tracking_away``.

The same study with simulated training, interleaved: without tracking; with a real MLflow server; with one that refuses
connections; with one that accepts them and never answers. An epoch takes 50 ms of waiting, the time that others train;
all else is the driver's own: sampler, store, outbox and the thread that sends. The sender has tried once, and has
imported MLflow, before the clock starts. Goal: a study is at most 2 % slower while MLflow is away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.store.announcements import study_started
from orchestrator.store.rows import Attempt
from orchestrator.tracking import tracker
from orchestrator.tracking.address import sqlite_uri
from orchestrator.tracking.database import create_database
from tests.benchmarks.machine import median_interval, parser, publish
from tests.simulation import STUDY, Simulation, config_of
from tests.tracking.conftest import free_port
from tests.tracking.faulty_proxy import Fault, FaultyProxy

EPOCH_S = 0.05
CONDITIONS = ("off", "present", "refusing", "hanging")
_PATIENCE_S = 120.0


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    num_rounds, num_trials = (1, 2) if options.quick else (10, 12)
    tracker.START_S = 0.0  # it lets workers start first, which a search as short as this would not outlast
    seconds: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    with tempfile.TemporaryDirectory() as name, _server(Path(name)) as uri, FaultyProxy(uri) as proxy:
        _search(Path(name) / "first", "off", proxy, num_trials=1)  # imports what is imported late
        for index in range(num_rounds):
            for condition in CONDITIONS:
                took_s = _search(Path(name) / f"{index}-{condition}", condition, proxy, num_trials=num_trials)
                seconds[condition].append(took_s)
    publish(
        f"{num_trials} trials of 8 epochs of {1000 * EPOCH_S:.0f} ms on one slot, n = {num_rounds}, interleaved",
        [_row(condition, seconds) for condition in CONDITIONS],
        to=options.json,
    )


def _row(condition: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Ratios of the same round, because the machine's mood changes from round to round."""
    row: dict[str, Any] = {"MLflow": condition, "search (s)": median_interval(seconds[condition])[0]}
    for other in ("off", "present"):
        ratios = [mine / theirs for mine, theirs in zip(seconds[condition], seconds[other], strict=True)]
        ratio, low, high = median_interval(ratios)
        row |= {f"/ {other}": round(ratio, 4), f"/ {other}, 95 %": f"{low:.4f} to {high:.4f}"}
    return row


def _search(folder: Path, condition: str, proxy: FaultyProxy, *, num_trials: int) -> float:
    """Seconds from the first suggestion to the last end."""
    folder.mkdir()
    proxy.fail_with(Fault.HANG if condition == "hanging" else Fault.NONE)
    uri = f"http://127.0.0.1:{free_port()}" if condition == "refusing" else proxy.uri
    study = _PacedSimulation(folder / "study", config_of(folder, STUDY, f"budget.trials={num_trials}", *_SETTINGS))
    sending = tracker.Tracker(study.store, uri=uri, experiment="away", study_id=study.store.study_id, directory=folder)
    study.store.announce([study_started(name="away", frozen=study.store.frozen, provenance={})])
    if condition != "off":
        before = proxy.num_requests
        sending.start()
        _wait(lambda: proxy.num_requests > before if condition == "hanging" else _was_tried(sending, condition))
    try:
        began = time.perf_counter()
        study.run(num_slots=1)
        return time.perf_counter() - began
    finally:
        sending.close()
        study.store.close()


_SETTINGS = ("study.sampler=random", "study.scheduler=none")


def _was_tried(sending: tracker.Tracker, condition: str) -> bool:
    return bool(sending.last_error) if condition == "refusing" else not sending.num_behind


class _PacedSimulation(Simulation):
    """Somebody else trains, and the driver waits."""

    def advance(self, attempt: Attempt) -> bool:
        time.sleep(EPOCH_S)
        return super().advance(attempt)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A real MLflow server on loopback."""
    create_database(folder / "mlflow.db")
    uri = f"http://127.0.0.1:{(port := free_port())}"
    options = ("--backend-store-uri", sqlite_uri(folder / "mlflow.db"), "--host", "127.0.0.1", "--port", str(port))
    command = [sys.executable, "-m", "mlflow", "server", *options, "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--artifacts-destination", str(folder / "artifacts")],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait(lambda: _answers(f"{uri}/health"))
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder / "artifacts", ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _wait(is_so: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("MLflow's server, or the process that sends to it, has not started")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
