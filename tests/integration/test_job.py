"""A study as a job of one node that asks for a token: ``archfront submit`` and plain ``ray job submit``."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
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

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(400)]

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Head:
    """A ``ray start --head`` of these tests alone."""

    environment: dict[str, str]
    address: str
    node_address: str
    home: Path

    @property
    def runs(self) -> Path:
        """Where a job keeps its study when nobody says where."""
        return self.home / ".local" / "share" / "archfront" / "runs"

    def call(self, *command: str, folder: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            env=self.environment | environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def submit(self, *arguments: str, folder: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
        """``archfront submit``."""
        command = ("python", "-m", "orchestrator", "submit", *arguments, "--address", self.address)
        return self.call(*command, folder=folder, **environment)

    def ray(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``ray job``."""
        return self.call("ray", "job", arguments[0], "--address", self.address, *arguments[1:])


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    home, sockets = tmp_path_factory.mktemp("home"), tempfile.mkdtemp(prefix="af")
    before = {process.pid for process in psutil.process_iter()}
    ports = _free_ports(3)
    environment = os.environ | {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "a-token-of-this-test-alone-0123456789",
        "RAY_USAGE_STATS_ENABLED": "0",
        "COLUMNS": "160",
    }
    head = Head(environment, f"http://127.0.0.1:{ports[1]}", f"127.0.0.1:{ports[0]}", home)
    options = ("--node-ip-address=127.0.0.1", f"--port={ports[0]}", "--num-cpus=2", "--dashboard-host=127.0.0.1")
    options += (f"--dashboard-port={ports[1]}", f"--dashboard-agent-listen-port={ports[2]}", f"--temp-dir={sockets}")
    started = head.call("ray", "start", "--head", *options)
    assert started.returncode == 0, started.stdout + started.stderr
    yield head
    for process in psutil.process_iter(["cmdline", "environ"]):
        # Some of Ray's processes give themselves a name, which overwrites their command line.
        is_ours = (process.info["environ"] or {}).get("HOME") == str(home)
        if process.pid not in before and (is_ours or sockets in " ".join(process.info["cmdline"] or [])):
            process.kill()
    shutil.rmtree(sockets, ignore_errors=True)


def test_a_followed_study_lies_outside_the_folder_of_its_job(head: Head) -> None:
    """The first test, because it has a head that was started a second ago: its agent takes jobs only later."""
    settings = ("--trials", "3", "--set", "recipe.epochs=2")
    done = head.submit("digits", "--follow", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^to upload: \d+ files, \d.\d MiB$", done.stderr, re.MULTILINE)
    assert str(head.runs / "digits") in done.stdout
    assert len(read_snapshot(head.runs / "digits").records) == 3
    assert re.search(r"front: \d of 3 trials", done.stdout)
    assert head.environment["RAY_AUTH_TOKEN"] not in done.stdout + done.stderr


def test_a_job_that_is_stopped_leaves_no_process_and_goes_on_when_it_is_submitted_again(head: Head) -> None:
    before = {process.pid for process in psutil.process_iter()}
    settings = ('study.name="stopped"', "budget.trials=2", "recipe.epochs=60", 'study.scheduler="none"')
    options = [word for setting in settings for word in ("--set", setting)]
    submitted = head.submit("digits", *options)
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    root, job = head.runs / "stopped", re.findall(r"job (stopped-\w+) is submitted", submitted.stderr)[0]
    _wait_for_reports(root, 4)
    stopped = head.ray("stop", job)
    assert "was stopped" in stopped.stdout, stopped.stdout + stopped.stderr
    deadline = time.monotonic() + 10
    while _of_the_study(before, head) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _of_the_study(before, head) == []
    reported = [len(record.reports) for record in read_snapshot(root).records]
    program = ("python", "-m", "orchestrator", "search", "digits", *options)
    again = head.ray("submit", "--working-dir", ".", "--", *program)
    assert again.returncode == 0, again.stdout + again.stderr
    records = read_snapshot(root).records
    assert [(record.state, len(record.reports)) for record in records] == [(TrialState.COMPLETED, 60)] * 2
    assert [record.num_attempts for record in records[: len(reported)]] == [2] * len(reported)


def test_a_followed_study_ends_with_its_own_code_and_a_plain_job_with_one(head: Head, tmp_path: Path) -> None:
    """From a folder that is no checkout, where the study file alone is taken along."""
    (tmp_path / "study.toml").write_text('[data]\nname = "folder"\npath = "/not/there"\n')
    (tmp_path / "images").mkdir()
    ours = head.submit("study.toml", "--follow", folder=tmp_path)
    assert ours.returncode == 2, ours.stdout + ours.stderr
    assert "to upload: 1 file, 1 KiB" in ours.stderr
    assert "data.path = /not/there must be there on every node" in ours.stderr
    assert "study.toml:3: data.path" in ours.stdout
    plain = head.call(*shlex.split(ours.stderr.splitlines()[1]), folder=tmp_path)
    assert plain.returncode == 1, plain.stdout + plain.stderr
    assert "study.toml:3: data.path" in plain.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RAY_AUTH_TOKEN": "another-token-0123456789-0123456789"}, ["wants another token", "RAY_AUTH_TOKEN"]),
        ({"RAY_AUTH_MODE": "disabled"}, ["wants another token"]),
    ],
)
def test_the_wrong_token_is_refused(head: Head, environment: dict[str, str], words: list[str]) -> None:
    done = head.submit("digits", **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_with_another_torch_is_refused_with_a_table(head: Head, tmp_path: Path) -> None:
    """The last test, because the node stays."""
    (tmp_path / "torch-9.9.dist-info").mkdir()
    (tmp_path / "torch-9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    options = ("--num-cpus=1", f"--dashboard-agent-listen-port={_free_ports(1)[0]}", "--node-ip-address=127.0.0.1")
    node = head.call("ray", "start", f"--address={head.node_address}", *options, PYTHONPATH=str(tmp_path))
    assert node.returncode == 0, node.stdout + node.stderr
    done = head.submit("digits", "--follow", "--set", 'study.name="skewed"')
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the nodes do not run the same versions" in done.stdout
    assert re.search(r"^  [\d.]+ +3\.\S+ +\S+ +9\.9 ", done.stdout, re.MULTILINE), done.stdout


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


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [int(item.getsockname()[1]) for item in sockets]
    for item in sockets:
        item.close()
    return ports
