"""Ray's own autoscaler and a launcher of ours, with nodes that are processes of this machine instead of a cloud's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from orchestrator.records import TrialState
from orchestrator.store.reading import read_snapshot
from tests.cluster.reading import CLUSTER, documents
from tests.faults.head import ray_head
from tests.tracking.conftest import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(900)]

NUM_NODES_THAT_STAY = 2
"""The launcher's head and its latency node."""

STUDY = """
[study]
name = "growing"
scheduler = "none"
[objectives]
maximize = ["accuracy"]
minimize = ["num_parameters"]
[space.resnet]
depths = [[1, 1]]
base_width = [8, 12, 16]
[recipe]
epochs = 2
[resources]
gpus_per_worker = 1
cpus_per_worker = 8
accelerator = "A10G"
max_concurrent_trials = 2
autoscale = true
[budget]
trials = 3
[tracking]
enabled = false
"""


@dataclass(frozen=True, kw_only=True)
class GrowingCluster:
    """A head, and the nodes that its autoscaler has started."""

    address: str
    environment: Mapping[str, str]
    pid: int
    folder: Path

    def num_nodes(self) -> int:
        """How many raylets run; one that is about to become a worker's process is none."""
        parents: dict[int, int] = {}
        for process in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() == "raylet" and process.status() != psutil.STATUS_ZOMBIE:
                    parents[process.pid] = process.ppid()
        return sum(parent not in parents for parent in parents.values())

    def wait_for(self, num_nodes: int, *, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while (found := self.num_nodes()) != num_nodes:
            assert time.monotonic() < deadline, f"{found} nodes are there, and not {num_nodes}"
            time.sleep(0.5)

    def search(self) -> subprocess.Popen[str]:
        (self.folder / "study.toml").write_text(STUDY)
        command = [sys.executable, "-m", "orchestrator", "search", "study.toml", "--address", self.address]
        return subprocess.Popen(
            [*command, "--storage", str(self.folder / "runs")],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def growing_cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GrowingCluster]:
    """The launcher's types of nodes; an idle node is given back after six seconds.

    Not by ``ray.cluster_utils.AutoscalingCluster``: it begins and ends with ``ray stop --force``, which ends every Ray
    of the machine, and reads a file that ray's wheel lacks.
    """
    from ray.autoscaler._private.util import prepare_config

    address = f"127.0.0.1:{free_port()}"
    config = prepare_config(documents(CLUSTER / "launcher.aws.yaml")[0])
    provider = {"type": "fake_multinode", "gcs_address": address, "use_node_id_as_ip": True}
    provider |= {"disable_node_updaters": True, "disable_launch_config_check": True}
    config |= {"provider": provider, "idle_timeout_minutes": 0.1, "file_mounts": {}}
    types = config["available_node_types"]
    types["ray.head.default"] = types.pop(config["head_node_type"])  # the provider knows it by this name alone
    config["head_node_type"] = "ray.head.default"
    path = folder / "autoscaling.json"
    path.write_text(json.dumps(config))
    monkeypatch.setenv("RAY_FAKE_CLUSTER", "1")
    monkeypatch.setenv("AUTOSCALER_UPDATE_INTERVAL_S", "1")
    port = address.partition(":")[2]
    with ray_head(folder, f"--port={port}", "--num-cpus=0", f"--autoscaling-config={path}") as head:
        cluster = GrowingCluster(address=address, environment=head.environment, pid=head.pid, folder=folder)
        cluster.wait_for(NUM_NODES_THAT_STAY)
        yield cluster


def test_a_study_gets_the_nodes_of_its_plan_and_gives_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with growing_cluster(tmp_path, monkeypatch) as cluster:
        study, seen = cluster.search(), set()
        while study.poll() is None:
            seen.add(cluster.num_nodes())
            time.sleep(0.2)
        printed = study.communicate()[0]
        assert study.returncode == 0, printed
        assert re.search(r"2 at a time \(2 wait for the autoscaler\)", printed), printed
        assert max(seen) >= NUM_NODES_THAT_STAY + 2, printed  # Ray starts one too many at times, and gives it back
        cluster.wait_for(NUM_NODES_THAT_STAY)
    records = read_snapshot(tmp_path / "runs" / "growing").records
    assert [record.state for record in records] == [TrialState.COMPLETED] * 3
