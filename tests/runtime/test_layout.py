from __future__ import annotations

import pytest

from orchestrator.config.settings import EngineName, Resources
from orchestrator.errors import BadInputError
from orchestrator.runtime.layout import NodeResources, plan

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
