from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import failpoints
from orchestrator.errors import BadInputError
from orchestrator.failpoints import FAILPOINTS, FailpointReached, counting, failpoint, raising

SOURCES = Path(failpoints.__file__).parent


def test_every_call_is_in_the_list_and_every_name_is_called_once() -> None:
    calls = Counter(
        name
        for path in SOURCES.rglob("*.py")
        if path.name != "failpoints.py"
        for name in re.findall(r'\bfailpoint\("([^"]+)"\)', path.read_text())
    )
    assert calls == Counter(list(FAILPOINTS))


def test_every_name_says_what_it_stands_between() -> None:
    assert all(len(text.split(" | ")) == 2 for text in FAILPOINTS.values())


def test_off_it_does_nothing() -> None:
    for name in FAILPOINTS:
        failpoint(name)


def test_it_raises_at_the_first_passing_alone() -> None:
    with raising("store.after_end_commit"):
        failpoint("store.before_end_commit")
        with pytest.raises(FailpointReached):
            failpoint("store.after_end_commit")
        failpoint("store.after_end_commit")
    failpoint("store.after_end_commit")


def test_passings_are_counted() -> None:
    with counting() as passed:
        failpoint("result.before_write")
        failpoint("result.before_write")
    assert {name: count for name, count in passed.items() if count} == {"result.before_write": 2}


@pytest.mark.parametrize(("setting", "passes"), [("result.after_write:3", 2), ("result.after_write", 0)])
def test_the_process_kills_itself_at_the_nth_passing(setting: str, passes: int) -> None:
    program = (
        "from orchestrator.failpoints import failpoint\nwhile True: failpoint('result.after_write'); print('passed')"
    )
    environment = {failpoints.VARIABLE: setting, "PYTHONPATH": str(SOURCES.parent)}
    done = subprocess.run(
        [sys.executable, "-uc", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "passed\n" * passes


@pytest.mark.parametrize("setting", ["store.nowhere", "result.after_write:0", "result.after_write:x", ":1"])
def test_a_setting_that_means_nothing_is_refused(setting: str) -> None:
    with pytest.raises(BadInputError, match=failpoints.VARIABLE):
        failpoints.arm(setting)
    failpoints.arm("")
