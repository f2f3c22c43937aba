"""MLflow's own pages in a real browser, served by ``archfront ui``: what a person sees who opens its links."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestrator.records import TrialState
from orchestrator.store.events import Event
from orchestrator.tracking.address import default_uri
from orchestrator.tracking.client import Client
from orchestrator.tracking.views import View
from tests.chromium import NEEDS_CHROMIUM, chromium
from tests.tracking.conftest import free_port
from tests.tracking.reading import USES_MLFLOW
from tests.tracking.studies import epochs, front, study_ended, study_started, trial_ended, trial_started

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.integration,
    NEEDS_CHROMIUM,
    USES_MLFLOW,
]

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 120_000
FRONT = (1, 4)
NUM_TRIALS = 6


def events() -> list[Event]:
    told: list[Event] = [study_started()]
    for number in range(NUM_TRIALS):
        end = trial_ended(number, TrialState.COMPLETED, accuracy=0.9 + number / 100, latency_ms=1.0 + number)
        told += [trial_started(number), *epochs(number), end]
    return [*told, front(*FRONT), study_ended()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies in one database: the views of one show nothing of the other."""
    folder = tmp_path_factory.mktemp("ui") / "runs"
    for name in ("digits", "other"):
        (folder / name).mkdir(parents=True)
        (folder / name / "study.db").touch()
        client = Client(uri=default_uri(folder), experiment="archfront", study_id=name, directory=folder / name)
        client.apply(events() if name == "digits" else events()[:1])
    return folder


@pytest.fixture(scope="module")
def links(runs: Path) -> Iterator[dict[str, str]]:
    """What `archfront ui` prints of the study, while it serves it."""
    command = [sys.executable, "-m", "orchestrator", "ui", str(runs / "digits"), "--port", str(free_port())]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, bufsize=0, start_new_session=True)
    try:
        yield _printed_links(process)
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert process.wait(30) == 0
        assert _group_is_gone(process.pid), "a process of it is left"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: playwright.Browser, links: dict[str, str]) -> Iterator[playwright.Page]:
    """No page of another host is asked for."""
    here = urlsplit(links[View.FRONT]).netloc
    strangers: list[str] = []
    opened = browser.new_page(viewport={"width": 1600, "height": 1200})
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("request", lambda request: _note_stranger(strangers, request.url, here))
    yield opened
    opened.close()
    assert strangers == []


def test_the_front_is_seen_with_its_charts(page: playwright.Page, links: dict[str, str], tmp_path: Path) -> None:
    page.goto(links[View.FRONT])
    for number in FRONT:
        page.get_by_role("link", name=f"{number} densenet", exact=True).wait_for()
    assert page.get_by_text(f"{len(FRONT)} matching runs").is_visible()
    for chart in ("num_parameters vs. accuracy", "latency_ms vs. accuracy", "validation/accuracy"):
        page.get_by_text(chart, exact=True).first.wait_for()
    points = page.locator(".scatterlayer .point").first
    points.wait_for()
    assert "rgb(31, 95, 191)" in (points.get_attribute("style") or ""), "the front has the strong colour of its family"
    page.screenshot(path=tmp_path / "front.png")


def test_all_trials_of_the_study_are_seen_and_none_of_another(page: playwright.Page, links: dict[str, str]) -> None:
    page.goto(links[View.TRIALS])
    for number in range(NUM_TRIALS):
        page.get_by_role("link", name=f"{number} densenet", exact=True).wait_for()
    assert page.get_by_text(f"{NUM_TRIALS} matching runs").is_visible()


def test_the_table_has_the_columns_that_tell_trials_apart(page: playwright.Page, links: dict[str, str]) -> None:
    page.goto(links[View.TRIALS].replace("compareRunsMode=CHART", "compareRunsMode=TABLE"))
    for column in ("accuracy", "num_parameters", "latency_ms", "growth_rate"):
        page.get_by_role("columnheader").filter(has_text=re.compile(f"^{column}$")).first.wait_for()
    assert page.get_by_role("columnheader").filter(has_text=re.compile("^memory_efficient$")).count() == 0


def _printed_links(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """The pipe is read without a buffer: lines that came together and wait in one are not seen by select."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while len(found) < len(View):
        assert select.select([process.stdout], [], [], PATIENCE_MS / 1000)[0], "nothing is printed"
        line = process.stdout.readline().decode()
        assert line, "it ended"
        title, _, url = line.strip().rpartition("  ")
        if url.startswith("http"):
            found[title.strip()] = url
    return found


def _group_is_gone(pid: int) -> bool:
    """Whether no process of the session is left, a few seconds later at most."""
    for _ in range(50):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def _note_stranger(strangers: list[str], url: str, here: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.netloc != here:
        strangers.append(url)
