"""Real studies through the real command line, each with a Ray, a storage and a temporary folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.records import StudySnapshot
from orchestrator.store.reading import read_snapshot

TINY = """
[study]
name = "tiny"
[space.densenet]
growth_rate = [4, 8]
num_blocks = 2
num_layers = { low = 1, high = 2 }
num_init_features = 8
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[space.mobilenet]
width_mult = [0.5, 1.0]
[recipe]
epochs = 4
decay_share = 0.25
max_shift = 1
[budget]
trials = 6
"""

SYNTHETIC = ("--set", 'data.name="synthetic"', "--set", "data.image_size=8", "--set", "data.num_images=1000")
"""Data that are decoded once for all workers, where each of them loads the digits by itself."""


TOKEN = "a-token-of-these-tests-alone-0123456789abcdef"
"""In place of the one that a session makes up, so that it can be looked for."""


@dataclass
class Cli:
    """Runs ``archfront`` in a folder of its own."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "tiny"

    def snapshot(self) -> StudySnapshot:
        return read_snapshot(self.study)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends what a failed test has left: a supervisor ends all below it."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=30)

    def files_with_token(self) -> list[Path]:
        """Files of studies, tracking, exports and Ray's logs that tell how to get into the session."""
        folders = (self.folder, Path(self.environment["RAY_TMPDIR"]))
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 10
        return [path for path in files if TOKEN.encode() in path.read_bytes()]

    def run(self, *arguments: str, timeout_s: float = 500) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        try:
            out, error = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            out, error = process.communicate()
            pytest.fail(f"{arguments} took longer than {timeout_s} s:\n{out}\n{error}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    def search(self, *arguments: str, expect: int = 0) -> list[dict[str, Any]]:
        """Searches the tiny study; returns the events that it prints."""
        done = self.run("search", "tiny.toml", "--json", *arguments)
        assert done.returncode == expect, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    (tmp_path / "tiny.toml").write_text(TINY)
    # The path of a socket holds 107 bytes: Ray needs a short folder.
    sockets = tempfile.mkdtemp(prefix="af")
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "RAY_TMPDIR": sockets,
        "RAY_AUTH_TOKEN": TOKEN,
        "PYTHONPATH": root,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "160",
    }
    cli = Cli(tmp_path, environment)
    yield cli
    cli.end()
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def processes_left(cli: Cli) -> Callable[[], Sequence[str]]:
    """What the command line has started since the test began and still lives."""
    before = {process.pid for process in psutil.process_iter()}
    return lambda: living(before, "RAY_TMPDIR", cli.environment["RAY_TMPDIR"])


def living(before: Collection[int], name: str, value: str) -> list[str]:
    """New processes of Ray and of ours in whose environment a variable has this value, as far as that can be known."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        if process.pid in before or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        text = " ".join(process.info["cmdline"] or [process.info["name"]])
        if ("ray" in text.lower() or "orchestrator" in text) and _has(process, name, value):
            found.append(text[:120])
    return found


def _has(process: psutil.Process, name: str, value: str) -> bool:
    """By the environment that it began with, or its parent, where its title lies over that; an orphan counts as one."""
    try:
        if "PATH" not in (environment := process.environ()):
            parent = process.parent()
            return parent is None or parent.pid == 1 or _has(parent, name, value)
    except psutil.Error:
        return process.is_running()
    return environment.get(name, "") == value
