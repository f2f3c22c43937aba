from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.runtime.supervisor import _new_folder

pytestmark = [pytest.mark.integration, pytest.mark.alone]


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over a driver with this program; ends it if the test has not."""
    started: list[subprocess.Popen[str]] = []

    def begin(driver: str) -> subprocess.Popen[str]:
        program = tmp_path / "driver.py"
        program.write_text(textwrap.dedent(driver))
        supervisor = (
            "import sys; from orchestrator.runtime.supervisor import supervise;"
            f"sys.exit(supervise([sys.executable, {str(program)!r}]))"
        )
        started.append(subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def _pids(process: subprocess.Popen[str], count: int) -> list[int]:
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)]


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(("place", "is_taken"), [("tmp", True), ("of/a/job/that/a/cluster/has/given/room", False)])
def test_the_folder_of_rays_files_leaves_room_for_the_names_of_its_sockets(
    monkeypatch: pytest.MonkeyPatch, place: str, *, is_taken: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as above:
        (Path(above) / place).mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(Path(above) / place))
        folder = Path(_new_folder())
    assert folder.is_relative_to(above) is is_taken
    assert len(f"{folder}/ray/session_2026-11-22_14-47-45_123456_1234567/sockets/plasma_store") <= 107
    if not is_taken:
        folder.rmdir()


# A driver whose child makes a session of its own and ignores SIGTERM, as the daemons of a cluster may.
STUBBORN = """
    import os, subprocess, sys, time
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"],
        start_new_session=True,
    )
    print(os.getpid(), flush=True)
    print(child.pid, flush=True)
"""


def test_nothing_outlives_a_driver_that_ends(start: Start) -> None:
    process = start(STUBBORN + "    sys.exit(3)\n")
    pids = _pids(process, 2)
    assert process.wait(20) == 3
    assert _alive(pids) == []


def test_nothing_outlives_a_driver_that_is_killed(start: Start) -> None:
    process = start(STUBBORN + "    time.sleep(600)\n")
    pids = _pids(process, 2)
    os.kill(pids[0], signal.SIGKILL)
    assert process.wait(20) == 4
    assert _alive(pids) == []


def test_a_driver_that_does_not_answer_sigterm_is_killed(start: Start) -> None:
    driver = "    import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(0, flush=True); time.sleep(600)\n"
    process = start(STUBBORN + driver)
    pids = _pids(process, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 4
    assert _alive(pids[:2]) == []


def test_the_driver_hears_of_ctrl_c_and_may_end_in_order(start: Start) -> None:
    driver = "    try:\n        time.sleep(600)\n    except KeyboardInterrupt:\n        sys.exit(4)\n"
    process = start(STUBBORN + driver)
    pids = _pids(process, 2)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 4
    assert _alive(pids) == []


def test_a_killed_supervisor_takes_the_driver_with_it(start: Start) -> None:
    process = start("    import os, time\n    print(os.getpid(), flush=True)\n    time.sleep(600)\n")
    pids = _pids(process, 1)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while _alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _alive(pids) == []


def test_a_second_ctrl_c_ends_a_driver_that_is_still_busy_with_the_first(start: Start) -> None:
    driver = "    import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print(0, flush=True); time.sleep(600)\n"
    process = start(STUBBORN + driver)
    pids = _pids(process, 3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(6) == 4  # the first alone would leave it 8.5 s
    assert _alive(pids[:2]) == []


def test_who_detached_a_study_by_nohup_may_log_out(start: Start) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(HEARING)
    finally:
        signal.signal(signal.SIGHUP, before)
    pids = _pids(process, 2)
    process.send_signal(signal.SIGHUP)
    os.kill(pids[0], signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    assert _alive(pids) == pids
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 4
    assert _alive(pids) == []


def test_a_terminal_that_closes_ends_the_study(start: Start) -> None:
    process = start(HEARING)
    pids = _pids(process, 2)
    process.send_signal(signal.SIGHUP)
    assert process.wait(20) == 4
    assert _alive(pids) == []


def test_a_driver_whose_supervisor_was_killed_ends_what_it_started(start: Start) -> None:
    process = start(HEARING)
    pids = _pids(process, 2)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while _alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _alive(pids) == []


# A driver that handles signals as a study's does.
HEARING = """
    import os, subprocess, sys, time
    from pathlib import Path
    from orchestrator.study.interruption import Interruption
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    with Interruption(Path("/nowhere/stop")).handling_signals():
        child = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
        print(os.getpid(), flush=True)
        print(child.pid, flush=True)
        time.sleep(600)
"""
