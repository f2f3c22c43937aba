"""A study in an object store: its driver is lost with its machine, and another machine goes on with it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.records import StudySnapshot, TrialRecord, TrialState
from orchestrator.storage import MANIFEST
from orchestrator.storage.remote import open_remote
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import open_directory
from orchestrator.study.outcome import PUBLISHED
from tests.integration.conftest import Cli
from tests.s3_server import S3Server, s3_server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PATIENCE_S = 240.0
NUM_TRIALS = 6
SECRET = "a-secret-of-this-test-alone-0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def url(server: S3Server, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> str:
    """The study's address, which this process reads as well."""
    environment = {**server.environment, "AWS_SECRET_ACCESS_KEY": SECRET}
    cli.environment |= environment
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_DATA_HOME", str(cli.folder / "reader"))
    return server.url("runs/tiny")


def test_another_machine_goes_on_where_a_lost_one_was(cli: Cli, url: str) -> None:
    search = ("--storage", url.rpartition("/")[0], "--trials", str(NUM_TRIALS), "--set", "tracking.enabled=false")
    before = _killed_in_the_middle(_machine(cli, "one"), url, search)
    _machine(cli, "two").search(*search, "--takeover")
    after = read_snapshot(open_directory(url))
    assert [record.number for record in after.records] == list(range(NUM_TRIALS))
    assert all(record.state.is_end for record in after.records)
    for earlier, later in zip(before.records, after.records, strict=False):
        assert later.architecture_id == earlier.architecture_id
        assert _told(later)[: len(earlier.reports)] == _told(earlier)  # no epoch that was acknowledged is lost
        if earlier.state.is_end:
            assert (later.state, later.accuracy, later.num_attempts) == (earlier.state, earlier.accuracy, 1)
    _check_store(url, after)
    for place in ("one", "two"):
        assert not any(SECRET.encode() in file.read_bytes() for file in _files(cli.folder / place))
    assert not any((cli.folder / "two").rglob("work/*/trials/*/checkpoints"))  # a node forgets what the store has
    exported = cli.run("export", url, "--to", str(cli.folder / "exported"))
    assert exported.returncode == 0, exported.stderr
    assert (cli.folder / "exported" / "model.safetensors").exists()


def _machine(cli: Cli, name: str) -> Cli:
    """Another machine has other disks."""
    cli.environment["XDG_DATA_HOME"] = str(cli.folder / name)
    return cli


def _killed_in_the_middle(cli: Cli, url: str, search: tuple[str, ...]) -> StudySnapshot:
    """What readers see of a study whose driver, with all it has started, is gone after some trials."""
    driver = cli.start("search", "tiny.toml", "--json", *search)
    deadline = time.monotonic() + PATIENCE_S
    while _num_results(url) < 2:
        if driver.poll() is not None or time.monotonic() > deadline:
            driver.terminate()
            pytest.fail("\n".join(driver.communicate()))
        time.sleep(0.2)
    driver.kill()
    driver.communicate(timeout=30)
    return read_snapshot(open_directory(url))


def _num_results(url: str) -> int:
    return sum(name.endswith("/result.json") for name in open_remote(url).names("trials"))


def _told(record: TrialRecord) -> list[tuple[int, float, float]]:
    """What each epoch gave, without its seconds."""
    return [(report.epoch, report.accuracy, report.loss) for report in record.reports]


def _check_store(url: str, study: StudySnapshot) -> None:
    names = open_remote(url).names("")
    assert set(PUBLISHED) <= set(names)
    models = {name.split("/")[1] for name in names if name.endswith(f"/model/{MANIFEST}")}
    completed = {f"{record.number:05d}" for record in study.records if record.state is TrialState.COMPLETED}
    assert completed <= models
    assert [name for name in names if "/checkpoints/" in name] == []


def _files(folder: Path) -> list[Path]:
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]
