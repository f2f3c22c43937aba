"""Three nodes with addresses and files of their own: a study on S3 and an MLflow server on PostgreSQL.

The head has no CPU for trials and the others have one each, so that two workers of a trial are on two nodes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records import StudySnapshot, TrialState
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import open_directory
from tests.cluster import hosts, servers
from tests.cluster.hosts import Network, network
from tests.cluster.ray_nodes import RayCluster, ray_cluster
from tests.s3_server import S3Server, s3_server

MISSING = hosts.missing() or servers.missing()

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.integration,
    pytest.mark.alone,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "nothing is missing"),
]

STUDY = """
[study]
name = "{name}"
reproducible = true
scheduler = "none"
[objectives]
maximize = ["accuracy"]
minimize = ["num_parameters"]
[space.densenet]
growth_rate = [4, 8]
num_blocks = 2
num_layers = {{ low = 1, high = 2 }}
num_init_features = 8
[space.resnet]
depths = [[1, 1]]
base_width = [8, 16]
[recipe]
epochs = 3
[resources]
workers_per_trial = 2
max_concurrent_trials = 1
[budget]
trials = 5
[tracking]
uri = "{mlflow}"
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """The cluster and what it works with."""

    network: Network
    cluster: RayCluster
    s3: S3Server
    mlflow: str
    folder: Path

    def submit(self, name: str) -> subprocess.Popen[str]:
        """From outside of the cluster, as a user does who has a study file and a token."""
        path = self.folder / f"{name}.toml"
        path.write_text(STUDY.format(name=name, mlflow=self.mlflow))
        command = [sys.executable, "-m", "orchestrator", "submit", path.name, "--address", self.cluster.address]
        return subprocess.Popen(
            [*command, "--storage", self.s3.url("runs"), "--follow"],
            cwd=self.folder,
            env=dict(self.cluster.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def snapshot(self, name: str) -> StudySnapshot:
        return read_snapshot(open_directory(self.s3.url(f"runs/{name}")))

    def runs_in_mlflow(self) -> set[str]:
        """Names of all runs that its server knows."""
        experiments = self._ask_mlflow("experiments/search", max_results=100)["experiments"]
        identifiers = [experiment["experiment_id"] for experiment in experiments]
        runs = self._ask_mlflow("runs/search", experiment_ids=identifiers, max_results=100)["runs"]
        return {run["info"]["run_name"] for run in runs}

    def _ask_mlflow(self, what: str, **fields: Any) -> Any:
        request = urllib.request.Request(
            f"{self.mlflow}/api/2.0/mlflow/{what}",
            data=json.dumps(fields).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def wait_for_ended(self, name: str, count: int, job: subprocess.Popen[str]) -> None:
        """Until so many trials of a study have ended, by what an onlooker reads from the object store."""
        while job.poll() is None:
            try:
                if sum(record.state.is_end for record in self.snapshot(name).records) >= count:
                    return
            except Exception:  # noqa: BLE001 - there is no study yet
                time.sleep(1)
            time.sleep(1)
        pytest.fail(f"the job ended before {count} trials had: {job.communicate()[0]}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        net = stack.enter_context(network(4))
        s3 = stack.enter_context(s3_server(host=net.gateway))
        mlflow = stack.enter_context(servers.mlflow_on_postgres(net.hosts[3]))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in s3.environment.items():
            patch.setenv(name, value)  # to read what the cluster wrote
        cluster = stack.enter_context(ray_cluster(net.hosts[0], net.hosts[1:3], s3.environment))
        yield World(network=net, cluster=cluster, s3=s3, mlflow=mlflow, folder=tmp_path_factory.mktemp("submitted"))


@pytest.fixture(scope="module")
def undisturbed(world: World) -> StudySnapshot:
    """A study to its end while nothing fails."""
    job = world.submit("undisturbed")
    printed = job.communicate(timeout=420)[0]
    assert job.returncode == 0, printed
    return world.snapshot("undisturbed")


def test_workers_on_two_nodes_train_together_and_results_are_in_the_object_store(undisturbed: StudySnapshot) -> None:
    assert [record.state for record in undisturbed.records] == [TrialState.COMPLETED] * 5
    assert any(record.latency is not None and record.test_accuracy is not None for record in undisturbed.records)


def test_mlflow_has_every_trial(world: World, undisturbed: StudySnapshot) -> None:
    assert {f"{record.number} {record.family}" for record in undisturbed.records} <= world.runs_in_mlflow()


@pytest.mark.slow
def test_a_study_ends_alike_after_a_killed_node_a_pulled_cable_and_a_lost_head(
    world: World, undisturbed: StudySnapshot
) -> None:
    head, first, second, _ = world.network.hosts
    job = world.submit("disturbed")
    world.wait_for_ended("disturbed", 1, job)
    world.cluster.kill(second)
    world.cluster.start_worker(second)
    world.wait_for_ended("disturbed", 2, job)
    first.cut_off()
    world.cluster.wait_for(2)
    first.join()
    world.cluster.kill(first)  # Ray tells a node that was taken for dead to end
    world.cluster.start_worker(first)
    world.wait_for_ended("disturbed", 3, job)
    for host in (head, first, second):
        world.cluster.kill(host)
    job.communicate(timeout=120)
    world.cluster.start_head()
    world.cluster.start_worker(first)
    world.cluster.start_worker(second)
    world.cluster.wait_for(3)
    job = world.submit("disturbed")
    printed = job.communicate(timeout=420)[0]
    assert job.returncode == 0, printed
    assert outcome(world.snapshot("disturbed")) == outcome(undisturbed)


def outcome(snapshot: StudySnapshot) -> dict[int, tuple[str, TrialState, float | None]]:
    """What a study found, bit for bit; latency is measured, and so differs."""
    return {record.number: (record.architecture_id, record.state, record.accuracy) for record in snapshot.records}
