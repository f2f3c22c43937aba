"""A driver whose study is taken from it while its trials run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from orchestrator.store.opening import take
from orchestrator.store.reading import read_log, read_snapshot
from tests.integration.conftest import Cli

pytestmark = pytest.mark.integration

PATIENCE_S = 120.0


def test_a_deposed_driver_ends_writes_nothing_more_and_the_study_goes_on(
    cli: Cli, processes_left: Callable[[], Sequence[str]]
) -> None:
    driver = cli.start("search", "tiny.toml", "--json", "--trials", "30")
    end = time.monotonic() + PATIENCE_S
    while not (cli.study / "study.db").exists() or len(read_snapshot(cli.study).records) < 2:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    successor = take(cli.study, takeover=True)
    before = read_log(cli.study)
    _, error = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 2
    assert "another driver has taken this study over" in error
    assert "Traceback" not in error
    assert processes_left() == []
    assert read_log(cli.study) == before
    successor.close()
    cli.search("--trials", "6")
    assert all(record.state.is_end for record in cli.snapshot().records)
