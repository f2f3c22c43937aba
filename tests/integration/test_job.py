"""``ray job submit`` to a cluster of one node that asks for a token, as the README says."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from orchestrator.records import TrialState
from orchestrator.store.reading import read_snapshot
from tests.integration.conftest import living

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

CHECKOUT = Path(__file__).parents[2]
MAX_UPLOAD_BYTES = 5 << 20


@dataclass
class Head:
    """A ``ray start --head`` of this test alone."""

    environment: dict[str, str]
    dashboard_port: int
    home: Path

    def ray(self, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("ray")), *arguments],
            env=self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def submit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Once the head has an agent for jobs, which takes some seconds longer than its start."""
        deadline = time.monotonic() + 60
        while True:
            done = self.ray("job", "submit", "--address", f"http://127.0.0.1:{self.dashboard_port}", *arguments)
            if "No available agent" not in done.stderr or time.monotonic() > deadline:
                return done
            time.sleep(1)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    sockets = tempfile.mkdtemp(prefix="af")
    before = {process.pid for process in psutil.process_iter()}
    ports = _free_ports(3)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "a-token-of-this-test-alone-0123456789",
        "RAY_USAGE_STATS_ENABLED": "0",
        "COLUMNS": "160",
    }
    head = Head(environment, ports[1], tmp_path)
    options = ("--node-ip-address=127.0.0.1", f"--port={ports[0]}", "--num-cpus=2", "--dashboard-host=127.0.0.1")
    options += (f"--dashboard-port={ports[1]}", f"--dashboard-agent-listen-port={ports[2]}", f"--temp-dir={sockets}")
    started = head.ray("start", "--head", *options)
    assert started.returncode == 0, started.stdout + started.stderr
    yield head
    for process in psutil.process_iter(["cmdline", "environ"]):
        # Some of Ray's processes give themselves a name, which overwrites their command line.
        is_ours = (process.info["environ"] or {}).get("HOME") == str(tmp_path)
        if process.pid not in before and (is_ours or sockets in " ".join(process.info["cmdline"] or [])):
            process.kill()
    shutil.rmtree(sockets, ignore_errors=True)


def test_a_submitted_study_lies_outside_the_folder_of_its_job(head: Head) -> None:
    settings = ("--trials", "3", "--set", "recipe.epochs=2")
    done = head.submit("--working-dir", ".", "--", "python", "-m", "orchestrator", "search", "digits", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    root = head.home / ".local" / "share" / "archfront" / "runs" / "digits"
    assert str(root) in done.stdout
    assert len(read_snapshot(root).records) == 3
    assert re.search(r"front: \d of 3 trials", done.stdout)


def test_a_job_that_is_stopped_leaves_no_process_and_goes_on_when_it_is_submitted_again(head: Head) -> None:
    before = {process.pid for process in psutil.process_iter()}
    address = ("--address", f"http://127.0.0.1:{head.dashboard_port}")
    settings = ("--trials", "2", "--set", "recipe.epochs=60", "--set", 'study.scheduler="none"')
    command = ("--working-dir", ".", "--", "python", "-m", "orchestrator", "search", "digits", *settings)
    submitted = head.submit("--no-wait", "--submission-id", "stopped", *command)
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    root = head.home / ".local" / "share" / "archfront" / "runs" / "digits"
    _wait_for_reports(root, 4)
    stopped = head.ray("job", "stop", *address, "stopped")
    assert "was stopped" in stopped.stdout, stopped.stdout + stopped.stderr
    deadline = time.monotonic() + 10
    while _of_the_study(before, head) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _of_the_study(before, head) == []
    reported = [len(record.reports) for record in read_snapshot(root).records]
    again = head.submit(*command)
    assert again.returncode == 0, again.stdout + again.stderr
    records = read_snapshot(root).records
    assert [(record.state, len(record.reports)) for record in records] == [(TrialState.COMPLETED, 60)] * 2
    assert [record.num_attempts for record in records[: len(reported)]] == [2] * len(reported)


def _of_the_study(before: Collection[int], head: Head) -> list[str]:
    """Drivers, senders and workers with work; the cluster and its idle workers stay."""
    processes = living(before, "HOME", str(head.home))
    return [one for one in processes if "orchestrator" in one or "ImplicitFunc" in one]


def _wait_for_reports(root: Path, count: int, *, timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):  # the tables may not be there yet
            if sum(len(record.reports) for record in read_snapshot(root).records) >= count:
                return
        time.sleep(0.2)
    pytest.fail(f"no {count} reports within {timeout_s} s")


def test_the_wrong_token_is_refused(head: Head) -> None:
    head.environment["RAY_AUTH_TOKEN"] = "another-token-0123456789-0123456789"
    done = head.ray("job", "list", "--address", f"http://127.0.0.1:{head.dashboard_port}")
    assert done.returncode != 0


def test_the_upload_is_small_and_holds_no_results(tmp_path: Path) -> None:
    from ray._private.runtime_env.packaging import create_package

    copy = tmp_path / "checkout"
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for name in names.split():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, copy / name)
    for unwanted in (".venv/lib/big", "runs/digits/study.db", "runs/mlflow.db", "study.db-wal"):
        (copy / unwanted).parent.mkdir(parents=True, exist_ok=True)
        (copy / unwanted).write_bytes(os.urandom(6 << 20))
    package = tmp_path / "package.zip"
    create_package(str(copy), package, include_gitignore=True)
    assert package.stat().st_size < MAX_UPLOAD_BYTES


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [int(item.getsockname()[1]) for item in sockets]
    for item in sockets:
        item.close()
    return ports
