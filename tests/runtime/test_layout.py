from __future__ import annotations

import pytest

from orchestrator.config.settings import EngineName, Resources
from orchestrator.errors import BadInputError
from orchestrator.runtime.layout import NodeResources, plan, worker_needs

LAPTOP = [NodeResources(name="laptop", num_cpus=2, num_gpus=0)]
CLUSTER = [NodeResources(name=f"n{index}", num_cpus=32, num_gpus=8) for index in range(100)]


def test_one_worker_a_trial_runs_inline_on_every_cpu() -> None:
    layout = plan(Resources(), LAPTOP)
    assert (layout.engine, layout.num_slots) == (EngineName.INLINE, 2)


def test_two_workers_a_trial_make_one_group_on_two_cpus() -> None:
    layout = plan(Resources(workers_per_trial=2), LAPTOP)
    assert (layout.engine, layout.num_slots, layout.num_workers) == (EngineName.GROUP, 1, 2)


@pytest.mark.parametrize(
    ("resources", "num_slots"),
    [
        (Resources(gpus_per_worker=1), 800),
        (Resources(gpus_per_worker=0.5), 1600),
        (Resources(gpus_per_worker=0.3), 2400),  # three on a GPU; a tenth of each is left
        (Resources(gpus_per_worker=0.25, cpus_per_worker=2), 1600),  # 16 workers take all CPUs of a node
        (Resources(gpus_per_worker=1, cpus_per_worker=8), 400),
        (Resources(gpus_per_worker=1, workers_per_trial=16), 50),
        (Resources(gpus_per_worker=1, max_concurrent_trials=20), 20),
    ],
)
def test_a_hundred_nodes_are_filled(resources: Resources, num_slots: int) -> None:
    assert plan(resources, CLUSTER).num_slots == num_slots


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (Resources(gpus_per_worker=8), "gpus_per_worker = 8: the cluster has 0 GPUs"),
        (Resources(cpus_per_worker=64), "cpus_per_worker = 64: no node has so many CPUs; the largest has 2 .laptop."),
        (Resources(workers_per_trial=3), "workers_per_trial = 3: the cluster has room for 2 workers"),
        (Resources(workers_per_trial=2, engine=EngineName.INLINE), 'engine = "inline" trains on one worker'),
    ],
)
def test_what_no_node_can_hold_is_refused_with_numbers(resources: Resources, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as refusal:
        plan(resources, LAPTOP)
    assert refusal.value.hint


MIXED = [
    NodeResources(name="head", num_cpus=0, num_gpus=0),
    NodeResources(name="latency", num_cpus=4, num_gpus=0, has_latency_slot=True),
    *(
        NodeResources(name=f"a{index}", num_cpus=96, num_gpus=8, accelerators=frozenset({"A100"}))
        for index in range(60)
    ),
    *(NodeResources(name=f"l{index}", num_cpus=8, num_gpus=1, accelerators=frozenset({"L4"})) for index in range(38)),
]


@pytest.mark.parametrize(
    ("resources", "num_slots"),
    [
        (Resources(gpus_per_worker=1, cpus_per_worker=8), 480 + 38),
        (Resources(gpus_per_worker=1, cpus_per_worker=8, accelerator="A100"), 480),
        (Resources(gpus_per_worker=0.5, cpus_per_worker=4, accelerator="L4"), 76),
        (Resources(gpus_per_worker=1, cpus_per_worker=12, workers_per_trial=8, accelerator="A100"), 60),
    ],
)
def test_a_mixed_cluster_is_filled_by_the_type_of_its_gpus(resources: Resources, num_slots: int) -> None:
    assert plan(resources, MIXED).num_slots == num_slots


def test_the_plan_names_nodes_that_are_alike_once() -> None:
    assert [str(group) for group in plan(Resources(gpus_per_worker=1, cpus_per_worker=8), MIXED).nodes] == [
        "60 nodes of 96 CPUs and 8 GPUs (A100): 8 workers each",
        "38 nodes of 8 CPUs and 1 GPU (L4): 1 worker each",
        "1 node of 0 CPUs: no worker",
        "1 node of 4 CPUs: no worker, latency slot",
    ]


def test_a_type_that_no_node_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadInputError, match='"H100": no node has one; it has A100, L4'):
        plan(Resources(gpus_per_worker=1, accelerator="H100"), MIXED)
    with pytest.raises(BadInputError, match="no GPU whose type Ray knows"):
        plan(Resources(gpus_per_worker=1, accelerator="H100"), LAPTOP)


def test_a_cluster_that_grows_takes_as_many_trials_as_asked_for() -> None:
    growing = Resources(gpus_per_worker=1, max_concurrent_trials=20, autoscale=True)
    layout = plan(growing, [NodeResources(name="head", num_cpus=0, num_gpus=0)])
    assert (layout.num_slots, layout.num_waiting) == (20, 20)
    assert "20 at a time (20 wait for the autoscaler)" in str(layout)
    assert plan(growing, CLUSTER).num_waiting == 0


def test_a_laptop_does_not_grow() -> None:
    growing = Resources(max_concurrent_trials=20, autoscale=True)
    assert plan(growing, LAPTOP, may_grow=False).num_slots == 2
    with pytest.raises(BadInputError, match="the cluster has 0 GPUs"):
        plan(Resources(gpus_per_worker=1, max_concurrent_trials=2, autoscale=True), LAPTOP, may_grow=False)


def test_a_group_that_may_be_smaller_begins_on_what_is_there() -> None:
    assert plan(Resources(workers_per_trial=4, min_workers_per_trial=2), LAPTOP).num_slots == 1
    with pytest.raises(BadInputError, match="room for 2 workers"):
        plan(Resources(workers_per_trial=4, min_workers_per_trial=3), LAPTOP)


def test_a_worker_asks_ray_for_what_the_plan_counted() -> None:
    assert worker_needs(Resources()) == {"CPU": 1.0}
    assert worker_needs(Resources(gpus_per_worker=0.5, cpus_per_worker=4, accelerator="L4")) == {
        "CPU": 4.0,
        "GPU": 0.5,
        "accelerator_type:L4": 0.001,
    }
