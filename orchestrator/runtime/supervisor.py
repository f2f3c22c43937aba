"""The process above the driver: whatever way the driver ends, nothing that it started outlives it.

It is started before Ray and adopts orphans (a subreaper), so that every process of the session stays its descendant.
Standard library only: it must be cheap, and must work when nothing else does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

SUPERVISED = "ARCHFRONT_SUPERVISED"
"""In the environment of a driver: the pid of its supervisor."""

_OWN_FOLDER = "archfront-"
"""How the folder of Ray's files begins where the user names none."""

_LONGEST_TEMPORARY = 20
"""Bytes of the path above it: Ray's sockets lie 87 bytes deeper, and the system takes 107 in all."""

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
INTERRUPT_GRACE_S = 8.5
TERMINATE_GRACE_S = 1.0
"""With what comes after it this stays below the 2 s that ``ray job stop`` and a machine that shuts down may leave."""


def supervise(command: Sequence[str]) -> int:
    """Runs the driver, passes signals on to it, and ends all that it leaves behind.

    After SIGINT the driver has 8.5 s, after SIGTERM or SIGHUP 1 s; a second SIGINT ends it at once.

    Returns:
        The driver's exit code; 4 where a signal ended it, because its study can be resumed.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    own_folder = None if "RAY_TMPDIR" in os.environ else _new_folder()
    environment = os.environ | {SUPERVISED: str(os.getpid())} | ({"RAY_TMPDIR": own_folder} if own_folder else {})
    # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, who passes it on.
    driver = subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
    )
    deadline = _Deadline(driver)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or not is_ignored(number):
            signal.signal(number, deadline.on_signal)
    code = deadline.wait()
    end_descendants(0.5 if deadline.is_near else 1.0)
    if own_folder:
        shutil.rmtree(own_folder, ignore_errors=True)
    return 4 if code < 0 else code


def _new_folder() -> str:
    """For Ray's files; where the machine's own place for such lies too deep, where Ray itself would put them."""
    place = tempfile.gettempdir()
    is_short = len(os.fsencode(place)) <= _LONGEST_TEMPORARY
    return tempfile.mkdtemp(prefix=_OWN_FOLDER, dir=place if is_short else "/tmp")  # noqa: S108 - a new name in it


def is_ignored(number: signal.Signals) -> bool:
    """Whether whoever started this process wants the signal ignored, as ``nohup`` does with SIGHUP."""
    return signal.getsignal(number) is signal.SIG_IGN


def end_orphans() -> None:
    """For a driver whose supervisor was killed, which SIGTERM tells it: ends all below it in the supervisor's place."""
    if os.environ.get(SUPERVISED, "") not in ("", str(os.getppid())):
        end_descendants(grace_s=0.0)
        folder = Path(os.environ.get("RAY_TMPDIR", ""))
        if folder.name.startswith(_OWN_FOLDER):
            shutil.rmtree(folder, ignore_errors=True)


def end_descendants(grace_s: float) -> None:
    """SIGTERM, then SIGKILL, until this process has no descendants; it must be a subreaper."""
    deadline = time.monotonic() + grace_s
    while pids := _descendants():
        number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for pid in pids:
            _kill(pid, number)
        time.sleep(0.05)
        _reap()


class _Deadline:
    """Passes signals on, and kills the driver when it takes longer than a signal allows."""

    def __init__(self, driver: subprocess.Popen[bytes]) -> None:
        self._driver = driver
        self._kill_at = float("inf")
        self._num_interrupts = 0

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self._num_interrupts += number == signal.SIGINT
        grace = INTERRUPT_GRACE_S if number == signal.SIGINT else TERMINATE_GRACE_S
        self._kill_at = min(self._kill_at, time.monotonic() + grace)
        if self._num_interrupts > 1:
            self._kill_at = time.monotonic()
        self._driver.send_signal(number)  # to nobody once it has ended: its number may be another's

    @property
    def is_near(self) -> bool:
        """Whether a signal has left little time."""
        return self._kill_at < float("inf")

    def wait(self) -> int:
        while True:
            try:
                return self._driver.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= self._kill_at:
                    self._driver.kill()


def _descendants() -> list[int]:
    """All living processes below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parent = _parent(folder)
            if parent is not None:
                children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _parent(folder: Path) -> int | None:
    try:
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None  # it ended while we looked
    return None if fields[0] == "Z" and int(fields[1]) != os.getpid() else int(fields[1])


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass  # none left


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it was faster
        os.kill(pid, number)


def _die_with_parent() -> None:
    """A supervisor that is killed takes the driver with it, in order: SIGTERM; the driver then ends what is left."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
