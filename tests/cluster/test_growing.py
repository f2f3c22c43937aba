"""Ray's own autoscaler decides for our launchers which nodes a study's waiting trials need."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.settings import Resources
from orchestrator.runtime.layout import NodeResources, plan, worker_needs
from tests.cluster.reading import CLUSTER, documents

HEAD = [NodeResources(name="head", num_cpus=0, num_gpus=0)]


class Nodes:
    """The part of a cloud that Ray's decision looks at; a node is called by its type and a number."""

    def __init__(self, head_type: str) -> None:
        self.names = [f"{head_type} 0"]

    def start(self, node_type: str, count: int) -> None:
        self.names += [f"{node_type} {len(self.names) + index}" for index in range(count)]

    def internal_ip(self, name: str) -> str:
        return name

    def node_tags(self, name: str) -> dict[str, str]:
        from ray.autoscaler.tags import NODE_KIND_HEAD, NODE_KIND_WORKER, TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

        kind = NODE_KIND_HEAD if name == self.names[0] else NODE_KIND_WORKER
        return {TAG_RAY_NODE_KIND: kind, TAG_RAY_USER_NODE_TYPE: name.partition(" ")[0]}


def grown(config: dict[str, Any], demands: list[dict[str, float]]) -> Counter[str]:
    """Nodes of each type once Ray starts no more of them."""
    from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
    from ray.autoscaler._private.resource_demand_scheduler import ResourceDemandScheduler

    types, nodes = config["available_node_types"], Nodes(config["head_node_type"])
    decision = ResourceDemandScheduler(nodes, types, config["max_workers"], config["head_node_type"], 1.0)
    while True:
        free = {name: dict(types[name.partition(" ")[0]]["resources"]) for name in nodes.names}
        started, _ = decision.get_nodes_to_launch(
            nodes.names, {}, demands, free, [], free, [], NodeAvailabilitySummary({})
        )
        if not started:
            return Counter(name.partition(" ")[0] for name in nodes.names)
        for node_type, count in started.items():
            nodes.start(node_type, count)


def demands_of(resources: Resources) -> tuple[int, list[dict[str, float]]]:
    """Trials that wait by the plan of a cluster whose head is all that is up, and what their workers ask Ray for."""
    layout = plan(resources, HEAD)
    return layout.num_waiting, [worker_needs(resources)] * (layout.num_waiting * layout.num_workers)


@pytest.mark.parametrize("place", ["aws", "gcp"])
@pytest.mark.parametrize(
    ("resources", "num_waiting", "num_gpu_nodes"),
    [
        (Resources(gpus_per_worker=1, cpus_per_worker=8, max_concurrent_trials=8, autoscale=True), 8, 8),
        (Resources(gpus_per_worker=1, cpus_per_worker=8, max_concurrent_trials=2, autoscale=True), 2, 2),
        (Resources(gpus_per_worker=0.25, cpus_per_worker=2, max_concurrent_trials=6, autoscale=True), 6, 2),
        (Resources(gpus_per_worker=0.3, cpus_per_worker=2, max_concurrent_trials=6, autoscale=True), 6, 2),
        (Resources(gpus_per_worker=1, workers_per_trial=2, max_concurrent_trials=3, autoscale=True), 3, 6),
        (Resources(gpus_per_worker=1, max_concurrent_trials=20, autoscale=True), 20, 8),  # the launcher's most
    ],
    ids=str,
)
def test_nodes_come_for_the_trials_that_wait_and_no_more(
    place: str, resources: Resources, num_waiting: int, num_gpu_nodes: int
) -> None:
    config = documents(CLUSTER / f"launcher.{place}.yaml")[0]
    found, demands = demands_of(resources)
    assert found == num_waiting
    assert grown(config, demands) == {"head": 1, "latency": 1, "gpu": num_gpu_nodes}


def test_nodes_come_by_the_type_of_their_gpus_and_for_no_other() -> None:
    config = documents(CLUSTER / "launcher.aws.yaml")[0]
    asked = Resources(gpus_per_worker=1, max_concurrent_trials=2, autoscale=True)
    _, fitting = demands_of(replace(asked, accelerator="A10G"))
    _, others = demands_of(replace(asked, accelerator="H100"))
    assert grown(config, fitting)["gpu"] == 2
    assert grown(config, others)["gpu"] == 0


def test_without_trials_the_nodes_that_stay_are_all_there_are() -> None:
    assert grown(documents(CLUSTER / "launcher.aws.yaml")[0], []) == {"head": 1, "latency": 1}
