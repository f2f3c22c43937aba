"""How many trials run at once: worked out from the nodes and the ``[resources]`` table, refused with numbers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.settings import EngineName, Resources
from orchestrator.errors import BadInputError
from search_spaces.errors import did_you_mean

ACCELERATOR = "accelerator_type:"
"""How the resource begins that a node with GPUs of a type has one of."""
LATENCY_SLOT = "latency_slot"
"""The resource of the nodes that latency is measured on."""

_SHARE_OF_TYPE = 0.001
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeResources:
    """What one node offers.

    Attributes:
        accelerators: types of its GPUs in Ray's words, such as A100.
        has_latency_slot: whether latency is measured there while no trial runs on it.
    """

    name: str
    num_cpus: float
    num_gpus: float
    accelerators: frozenset[str] = frozenset()
    has_latency_slot: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGroup:
    """Nodes that are alike.

    Attributes:
        num_workers: that fit on each of them.
    """

    num_nodes: int
    num_cpus: float
    num_gpus: float
    accelerators: frozenset[str]
    has_latency_slot: bool
    num_workers: int

    def __str__(self) -> str:
        gpus = f" and {_count(self.num_gpus, 'GPU')}" if self.num_gpus else ""
        kind = f" ({', '.join(sorted(self.accelerators))})" if self.accelerators else ""
        nodes = f"{_count(self.num_nodes, 'node')} of {_count(self.num_cpus, 'CPU')}{gpus}{kind}"
        workers = f"{_count(self.num_workers, 'worker')} each" if self.num_workers else "no worker"
        return f"{nodes}: {workers}{', latency slot' if self.has_latency_slot else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where trials run.

    Attributes:
        num_slots: trials at a time.
        num_waiting: those of them for which the autoscaler has yet to start nodes.
        reason: why this engine.
    """

    engine: EngineName
    reason: str
    num_slots: int
    num_workers: int
    num_waiting: int = 0
    nodes: tuple[NodeGroup, ...] = ()

    def __str__(self) -> str:
        workers = f"{_count(self.num_workers, 'worker')} each"
        waiting = f" ({self.num_waiting} wait for the autoscaler)" if self.num_waiting else ""
        return f"{self.num_slots} at a time{waiting}, {workers}, engine {self.engine} ({self.reason})"


def this_machine() -> NodeResources:
    """The node that a local study runs on, without asking Ray; GPUs as the driver's files show them."""
    num_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = list(Path("/dev").glob("nvidia[0-9]*"))
    num_gpus = len([item for item in visible.split(",") if item]) if visible is not None else len(devices)
    return NodeResources(name="this machine", num_cpus=num_cpus, num_gpus=num_gpus)


def plan(resources: Resources, nodes: Sequence[NodeResources], *, may_grow: bool = True) -> Layout:
    """Fits trials onto nodes; a trial's workers may lie on several nodes.

    Args:
        may_grow: False for a Ray of the study's own, to which no autoscaler adds nodes.

    Raises:
        BadInputError: no node can hold a worker, or the cluster can't hold all workers of one trial.
    """
    if resources.resolved_engine is EngineName.INLINE and resources.workers_per_trial > 1:
        raise BadInputError(
            f'resources.engine = "inline" trains on one worker, and workers_per_trial = {resources.workers_per_trial}',
            hint='set resources.engine = "group"',
        )
    workers_of = [_num_workers(node, resources) for node in nodes]
    num_fitting = _num_trials(sum(workers_of), resources)
    is_growing = resources.autoscale and may_grow
    if num_fitting == 0 and not is_growing:
        raise _no_room(resources, sum(workers_of)) if any(workers_of) else _no_node(resources, nodes)
    asked = resources.max_concurrent_trials
    num_slots = asked if is_growing else min(num_fitting, asked or num_fitting)
    return Layout(
        engine=resources.resolved_engine,
        reason=_reason(resources),
        num_slots=num_slots,
        num_workers=resources.workers_per_trial,
        num_waiting=max(0, num_slots - num_fitting),
        nodes=_groups(nodes, workers_of),
    )


def worker_needs(resources: Resources) -> dict[str, float]:
    """What one worker holds, in Ray's words."""
    needs = {"CPU": float(resources.cpus_per_worker), "GPU": resources.gpus_per_worker}
    if resources.accelerator:
        needs[f"{ACCELERATOR}{resources.accelerator}"] = _SHARE_OF_TYPE
    return {name: amount for name, amount in needs.items() if amount}


def _num_workers(node: NodeResources, resources: Resources) -> int:
    """How many workers fit; a fraction of a GPU is of one GPU, and never put together from two."""
    if resources.accelerator and resources.accelerator not in node.accelerators:
        return 0
    by_cpu = int(node.num_cpus / resources.cpus_per_worker)
    gpus = resources.gpus_per_worker
    if gpus == 0:
        return by_cpu
    by_gpu = int(node.num_gpus / gpus) if gpus >= 1 else int(node.num_gpus) * int(1 / gpus + _ROUNDING)
    return min(by_cpu, by_gpu)


def _num_trials(num_workers: int, resources: Resources) -> int:
    """How many trials so many workers make; where not even one is complete, it begins with fewer if it may."""
    least = resources.min_workers_per_trial or resources.workers_per_trial
    return max(num_workers // resources.workers_per_trial, int(num_workers >= least))


def _groups(nodes: Sequence[NodeResources], workers_of: Sequence[int]) -> tuple[NodeGroup, ...]:
    """Nodes that are alike as one, those with most workers first."""
    counts = Counter(
        (node.num_cpus, node.num_gpus, node.accelerators, node.has_latency_slot, num_workers)
        for node, num_workers in zip(nodes, workers_of, strict=True)
    )
    groups = [
        NodeGroup(
            num_nodes=num_nodes,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            accelerators=accelerators,
            has_latency_slot=has_latency_slot,
            num_workers=num_workers,
        )
        for (num_cpus, num_gpus, accelerators, has_latency_slot, num_workers), num_nodes in counts.items()
    ]
    return tuple(sorted(groups, key=lambda group: group.num_nodes * group.num_workers, reverse=True))


def _no_room(resources: Resources, num_workers: int) -> BadInputError:
    return BadInputError(
        f"resources.workers_per_trial = {resources.workers_per_trial}: the cluster has room for {num_workers} workers "
        f"of {resources.cpus_per_worker} CPU and {resources.gpus_per_worker:g} GPU",
        hint=f"set resources.workers_per_trial to {num_workers} or less, or add nodes",
    )


def _no_node(resources: Resources, nodes: Sequence[NodeResources]) -> BadInputError:
    able = [node for node in nodes if not resources.accelerator or resources.accelerator in node.accelerators]
    if not able:
        return _no_accelerator(resources, nodes)
    most_gpus = max(able, key=lambda node: node.num_gpus)
    if resources.gpus_per_worker > most_gpus.num_gpus:
        total = sum(node.num_gpus for node in able)
        return BadInputError(
            f"resources.gpus_per_worker = {resources.gpus_per_worker:g}: the cluster has {total:g} GPUs, "
            f"at most {most_gpus.num_gpus:g} on one node",
            hint="set resources.gpus_per_worker = 0 to train on CPUs" if total == 0 else "ask for less",
        )
    most_cpus = max(able, key=lambda node: node.num_cpus)
    return BadInputError(
        f"resources.cpus_per_worker = {resources.cpus_per_worker}: no node has so many CPUs; "
        f"the largest has {most_cpus.num_cpus:g} ({most_cpus.name})",
        hint=_way_out(resources, most_cpus),
    )


def _way_out(resources: Resources, largest: NodeResources) -> str:
    if largest.num_cpus < 1:
        return "start nodes with CPUs, or set resources.autoscale where the cluster grows on demand"
    return f"set resources.cpus_per_worker to {largest.num_cpus:g} or less"


def _no_accelerator(resources: Resources, nodes: Sequence[NodeResources]) -> BadInputError:
    known = sorted({accelerator for node in nodes for accelerator in node.accelerators})
    there = f"it has {', '.join(known)}" if known else "it has no GPU whose type Ray knows"
    hint = did_you_mean(resources.accelerator, known) if known else "leave resources.accelerator out"
    return BadInputError(f'resources.accelerator = "{resources.accelerator}": no node has one; {there}', hint=hint)


def _reason(resources: Resources) -> str:
    if resources.engine is not EngineName.AUTO:
        return "as asked for"
    if resources.workers_per_trial == 1:
        return "one worker a trial needs no group"
    return "workers of a trial train together in a Ray Train group"


def _count(number: float, word: str) -> str:
    return f"{number:g} {word}{'' if number == 1 else 's'}"
