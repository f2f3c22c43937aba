"""On a cluster, what is timed is timed by one task that takes a whole node, also where a trial takes it whole, too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from orchestrator.selector import LatencyBasis, front, latency_basis
from tests.faults.head import ray_head
from tests.integration.conftest import SYNTHETIC, TINY, Cli

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

GOALS = """
[objectives]
maximize = ["accuracy", "throughput_per_s"]
minimize = ["num_parameters", "latency_ms", "peak_memory_bytes"]
[constraints]
file_bytes = "<= 1 MB"
[latency]
throughput_batch_size = 16
"""
GROUP = ("--workers-per-trial", "2", "--set", "budget.trials=3", "--set", "recipe.epochs=1")


def test_a_group_on_both_cpus_of_the_node_that_measures_reaches_its_measurement(cli: Cli) -> None:
    (cli.folder / "tiny.toml").write_text(TINY + GOALS)
    with ray_head(cli.folder, "--resources", '{"latency_slot": 1}') as head:
        cli.environment.update(head.environment)
        process = cli.start("search", "tiny.toml", "--address", head.address, *GROUP, *SYNTHETIC)
        measuring_below: set[int] = set()
        while process.poll() is None:
            measuring_below |= {pid for pid in (head.pid, process.pid) if any(_measuring(pid))}
            time.sleep(0.2)
        out, error = process.communicate()
    assert process.returncode == 0, out + error
    assert "engine group" in out
    assert measuring_below == {head.pid}
    snapshot = cli.snapshot()
    goals = snapshot.records, snapshot.objectives, snapshot.constraints
    assert latency_basis(*goals) is LatencyBasis.MEASURED
    for record in front(*goals):
        assert record.throughput is not None
        assert record.throughput.conditions.batch_size == 16
        assert record.value("throughput_per_s") == record.throughput.images_per_s
        assert record.value("file_bytes") <= 1e6


def _measuring(pid: int) -> Iterator[bool]:
    """Processes below this one that time networks."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            yield "orchestrator.measure" in child.cmdline()
        except psutil.NoSuchProcess:
            continue
