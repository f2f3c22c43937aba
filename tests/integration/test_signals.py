"""Every way in which a driver can be ended: the study is whole, nothing lives on, and the same command resumes."""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import psutil
import pytest

from orchestrator.records import TrialState
from tests.integration.conftest import Cli

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(900)]

# Epochs without end: a trial is never over before it is ended.
SEARCH = (
    "search",
    "tiny.toml",
    *("--set", "recipe.epochs=2000"),
    *("--set", 'study.scheduler="none"'),
    *("--set", "tracking.enabled=false"),
    *("--trials", "2"),
)

End = Callable[["subprocess.Popen[str]"], None]


def interrupt_twice(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)


ENDS: dict[str, End] = {
    "SIGINT twice": interrupt_twice,
    "SIGTERM": lambda process: process.send_signal(signal.SIGTERM),
    "SIGHUP": lambda process: process.send_signal(signal.SIGHUP),
    "SIGKILL of the supervisor": lambda process: process.kill(),
    "SIGINT": lambda process: process.send_signal(signal.SIGINT),
}


def test_a_study_survives_every_end_and_leaves_no_process(
    cli: Cli, processes_left: Callable[[], Sequence[str]]
) -> None:
    reported = 0
    for name, end in ENDS.items():
        process = cli.start(*SEARCH)
        _wait_for_reports(cli, process, reported + 3)
        if reported == 0:
            _check_that_all_listen_on_loopback(process)
        began = time.monotonic()
        end(process)
        _, error = process.communicate(timeout=30)
        if name == "SIGINT":
            assert time.monotonic() - began < 10
            assert "resume with: archfront search tiny.toml" in error
        assert process.returncode == (-signal.SIGKILL if "SIGKILL" in name else 4), name
        deadline = time.monotonic() + 10
        while processes_left() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert processes_left() == [], name
        records = cli.snapshot().records
        assert all(record.state is TrialState.RUNNING for record in records), name
        epochs = [[report.epoch for report in record.reports] for record in records]
        assert epochs == [list(range(1, len(of_trial) + 1)) for of_trial in epochs], name
        assert sum(map(len, epochs)) >= reported + 3, name
        reported = sum(map(len, epochs))
    assert cli.files_with_token() == []
    assert max(record.num_attempts for record in cli.snapshot().records) == len(ENDS)
    assert list(cli.study.glob("stop-*")) == []


def _check_that_all_listen_on_loopback(process: subprocess.Popen[str]) -> None:
    listening = {
        (one.name(), connection.laddr.ip)
        for one in psutil.Process(process.pid).children(recursive=True)
        for connection in one.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {"raylet", "gcs_server"} <= {name for name, _ in listening}
    assert [one for one in listening if not _is_loopback(one[1])] == []


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_loopback


def _wait_for_reports(cli: Cli, process: subprocess.Popen[str], count: int, *, timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if sum(len(record.reports) for record in cli.snapshot().records) >= count:
                return
        except Exception:  # noqa: BLE001 - the tables may not be there yet
            pass
        time.sleep(0.1)
    process.terminate()
    out, error = process.communicate()
    pytest.fail(f"no {count} reports within {timeout_s} s:\n{out}\n{error}")
