"""Rules that hold for all tests: a skip that nobody allowed fails the run, and no test sees the user's settings."""

from __future__ import annotations

import fnmatch
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy is no reason to fail; pytest's own time-out ends what hangs. The same examples each time, so
# that whoever changes nothing sees nothing fail; `pytest --hypothesis-profile=fresh` looks for others.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("fresh", deadline=None, print_blob=True)
settings.load_profile("repeatable")

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
USER_SETTINGS = ("ARCHFRONT_STORAGE", "RAY_ADDRESS", "MLFLOW_TRACKING_URI", "RAY_JOB_CONFIG_JSON_ENV_VAR")


def pytest_configure() -> None:
    # What runs under nohup ignores a closed terminal, and what a script has put into the background ignores Ctrl-C;
    # so would all that the tests start.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in USER_SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    lines = ALLOWED_SKIPS.read_text().splitlines()
    allowed = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    skipped = {report.nodeid for report in reporter.stats.get("skipped", [])}
    unexpected = sorted(node for node in skipped if not any(fnmatch.fnmatch(node, pattern) for pattern in allowed))
    if unexpected:
        reporter.write_line(f"skipped, but not named in {ALLOWED_SKIPS.name}: {', '.join(unexpected)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
