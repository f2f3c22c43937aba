"""A search that does not stop in time is ended, and what a person did is what is raised."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from orchestrator.interactive import searching

DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def test_a_search_that_hears_no_interrupt_is_ended_without_another_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "GRACE_S", 0.1)
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "deaf\n"
    num_threads = threading.active_count()
    searching._interrupt(process)
    assert process.returncode is not None
    assert threading.active_count() == num_threads
    process.stdout.close()
