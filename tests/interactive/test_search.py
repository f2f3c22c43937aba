"""``orchestrator.search`` in a program and in a notebook: one study, interrupted before its first trial, then run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from orchestrator.errors import BadInputError
from orchestrator.interactive.searching import search
from orchestrator.interactive.study import open_study
from orchestrator.store.glance import glance
from tests.integration.conftest import living
from tests.simulation import STUDY as STUDY_FILE
from tests.simulation import Simulation, config_of

NOTEBOOK = Path(__file__).parents[1] / "examples" / "study.ipynb"
STUDY = Path("runs") / "notebook"

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    sockets = tempfile.mkdtemp(prefix="af")  # the path of a socket holds 107 bytes
    monkeypatch.setenv("RAY_TMPDIR", sockets)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    shutil.rmtree(sockets, ignore_errors=True)


def test_an_interrupted_search_goes_on_in_a_notebook_and_shows_itself(folder: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    _interrupt_soon(notebook.cells[1].source)
    assert glance(folder / STUDY).owner is None
    assert living(before, "RAY_TMPDIR", os.environ["RAY_TMPDIR"]) == []
    NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    printed = "".join(output.text for output in notebook.cells[1].outputs if output.output_type == "stream")
    assert "front: " in printed
    study = open_study(STUDY)
    assert len(study.trials) == 6
    html = notebook.cells[3].outputs[0].data["text/html"]
    assert "<svg" in html
    assert "<script" not in html
    assert all(f"<th>{number}</th>" in html for number in study.front.index)
    assert notebook.cells[-1].outputs[0].data["text/plain"] == "torch.Size([2, 10])"
    assert living(before, "RAY_TMPDIR", os.environ["RAY_TMPDIR"]) == []


def test_a_study_that_another_driver_holds_is_refused_in_its_words(folder: Path) -> None:
    simulation = Simulation(folder / "runs" / "simulated", config_of(folder, STUDY_FILE))
    try:
        with pytest.raises(BadInputError, match=f"is being run by pid {os.getpid()} on host") as caught:
            search(folder / "simulated.toml", storage=folder / "runs", quiet=True)
        assert caught.value.hint.startswith("wait for it")
    finally:
        simulation.store.close()


def test_the_example_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


def _interrupt_soon(source: str) -> None:
    """Runs a cell as a program and interrupts it, as Ctrl-C does, once it holds its study."""
    process = subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (STUDY / "owner").is_dir() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert error.splitlines()[-1] == "KeyboardInterrupt"
