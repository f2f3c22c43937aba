"""A node that is lost for good under a trial of two workers: the trial goes on with the one that is left."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.records import TrialState
from orchestrator.store.reading import read_snapshot
from tests.cluster import hosts
from tests.cluster.hosts import network
from tests.cluster.ray_nodes import RayCluster, ray_cluster

MISSING = hosts.missing()

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.integration,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "nothing is missing"),
]

NUM_EPOCHS = 30
"""Enough for a node to be lost in the middle of them."""

STUDY = f"""
[study]
name = "smaller"
scheduler = "none"
[objectives]
maximize = ["accuracy"]
minimize = ["num_parameters"]
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[recipe]
epochs = {NUM_EPOCHS}
[resources]
workers_per_trial = 2
min_workers_per_trial = 1
max_concurrent_trials = 1
[budget]
trials = 1
[tracking]
enabled = false
"""


def test_a_group_that_loses_a_node_goes_on_with_the_worker_that_is_left(tmp_path: Path) -> None:
    """The node does not come back, and the CPU that is left holds one worker and no more."""
    with network(3) as net, ray_cluster(net.hosts[0], net.hosts[1:], {}) as cluster:
        study = tmp_path / "runs" / "smaller"
        job = _submitted(cluster, tmp_path)
        _wait_for_reports(study, 2, job)
        cluster.kill(net.hosts[2])
        before = read_snapshot(study).records[0].reports
        printed = job.communicate(timeout=600)[0]
    assert job.returncode == 0, printed
    (record,) = read_snapshot(study).records
    assert (record.state, record.num_attempts) == (TrialState.COMPLETED, 2), printed
    assert [report.epoch for report in record.reports] == list(range(1, NUM_EPOCHS + 1))
    assert 2 <= len(before) < NUM_EPOCHS
    assert record.reports[: len(before) - 1] == before[:-1], "no more than the last epoch is told again"
    assert record.latency is not None, "another node measures where the one that calibrated is gone"
    num_images = {report.phases.num_images for report in record.reports if report.phases is not None}
    assert len(num_images) == 1, "two workers and one take as many images in an epoch, in batches of one size"


def _submitted(cluster: RayCluster, folder: Path) -> subprocess.Popen[str]:
    (folder / "study.toml").write_text(STUDY)
    command = [sys.executable, "-m", "orchestrator", "submit", "study.toml", "--address", cluster.address]
    return subprocess.Popen(
        [*command, "--storage", str(folder / "runs"), "--follow"],
        cwd=folder,
        env=dict(cluster.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait_for_reports(study: Path, count: int, job: subprocess.Popen[str]) -> None:
    while job.poll() is None:
        if (study / "study.db").exists() and sum(
            len(record.reports) for record in read_snapshot(study).records
        ) >= count:
            return
        time.sleep(0.2)
    pytest.fail(f"the job ended before {count} epochs had: {job.communicate()[0]}")
