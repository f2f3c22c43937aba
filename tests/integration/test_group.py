"""Several workers a trial, in a long-lived Ray Train group."""

from __future__ import annotations

import time

import psutil
import pytest

from orchestrator.records import TrialState
from tests.integration.conftest import SYNTHETIC, Cli

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# Dropout costs neither parameters nor latency, but this much of it costs the accuracy: there is something to stop.
GROUP = """
[study]
name = "tiny"
seed = 3
[space.densenet]
growth_rate = [4, 8]
num_blocks = 2
num_layers = { low = 1, high = 2 }
num_init_features = 8
drop_rate = [0.0, 0.95]
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[space.mobilenet]
width_mult = [0.5, 1.0]
expand_ratio = [1, 2, 4, 6]
[recipe]
epochs = 6
decay_share = 0.33
[budget]
trials = 14
"""


def test_two_workers_train_as_one_through_a_killed_worker(cli: Cli) -> None:
    (cli.folder / "tiny.toml").write_text(GROUP)
    process = cli.start("search", "tiny.toml", *SYNTHETIC, "--workers-per-trial", "2", "--seeds", "1")
    _wait_for(cli, ended=2)
    _train_workers(process.pid)[-1].kill()
    out, error = process.communicate(timeout=500)
    assert process.returncode == 0, out + error
    assert "engine group" in out
    records = cli.snapshot().records
    assert len(records) == 14
    assert {record.family for record in records} == {"densenet", "resnet", "mobilenet"}
    assert all(record.state in (TrialState.COMPLETED, TrialState.PRUNED) for record in records), out
    assert any(record.state is TrialState.PRUNED for record in records)
    assert sorted({record.num_attempts for record in records}) == [1, 2]
    for record in records:
        assert [report.epoch for report in record.reports] == list(range(1, len(record.reports) + 1))
    members = [record for record in records if record.latency is not None]
    assert members
    assert all([one.test_accuracy is not None for one in record.seeds] == [True] for record in members)


def _train_workers(pid: int) -> list[psutil.Process]:
    """The processes that train, in the order they were started."""
    children = psutil.Process(pid).children(recursive=True)
    workers = [child for child in children if "TrainWorker" in " ".join(child.cmdline())]
    assert len(workers) == 2, [" ".join(child.cmdline())[:80] for child in children]
    return workers


def _wait_for(cli: Cli, *, ended: int, timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if sum(record.state.is_end for record in cli.snapshot().records) >= ended:
                return
        except Exception:  # noqa: BLE001 - the study may not be there yet
            pass
        time.sleep(0.1)
    pytest.fail(f"{ended} trials have not ended within {timeout_s} s")
