"""How many trials run at once: worked out from the nodes and the ``[resources]`` table, refused with numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.settings import EngineName, Resources
from orchestrator.errors import BadInputError


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeResources:
    """What one node offers."""

    name: str
    num_cpus: float
    num_gpus: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where trials run.

    Attributes:
        num_slots: trials at a time.
        reason: why this engine.
    """

    engine: EngineName
    reason: str
    num_slots: int
    num_workers: int

    def __str__(self) -> str:
        workers = f"{self.num_workers} worker{'s' if self.num_workers > 1 else ''} each"
        return f"{self.num_slots} at a time, {workers}, engine {self.engine} ({self.reason})"


def this_machine() -> NodeResources:
    """The node that a local study runs on, without asking Ray; GPUs as the driver's files show them."""
    num_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = list(Path("/dev").glob("nvidia[0-9]*"))
    num_gpus = len([item for item in visible.split(",") if item]) if visible is not None else len(devices)
    return NodeResources(name="this machine", num_cpus=num_cpus, num_gpus=num_gpus)


def plan(resources: Resources, nodes: Sequence[NodeResources]) -> Layout:
    """Fits trials onto nodes; a trial's workers may lie on several nodes.

    Raises:
        BadInputError: no node can hold a worker, or the cluster can't hold all workers of one trial.
    """
    workers_of = [_num_workers(node, resources) for node in nodes]
    if not any(workers_of):
        raise _no_node(resources, nodes)
    num_workers = resources.workers_per_trial
    num_slots = sum(workers_of) // num_workers
    if num_slots == 0:
        raise BadInputError(
            f"resources.workers_per_trial = {num_workers}: the cluster has room for {sum(workers_of)} workers of "
            f"{resources.cpus_per_worker} CPU and {resources.gpus_per_worker:g} GPU",
            hint=f"set resources.workers_per_trial to {sum(workers_of)} or less, or add nodes",
        )
    engine = resources.resolved_engine
    if engine is EngineName.INLINE and num_workers > 1:
        raise BadInputError(
            f'resources.engine = "inline" trains on one worker, and workers_per_trial = {num_workers}',
            hint='set resources.engine = "group"',
        )
    asked = resources.max_concurrent_trials
    return Layout(
        engine=engine,
        reason=_reason(resources),
        num_slots=min(num_slots, asked) if asked else num_slots,
        num_workers=num_workers,
    )


def _num_workers(node: NodeResources, resources: Resources) -> int:
    by_cpu = int(node.num_cpus / resources.cpus_per_worker)
    if resources.gpus_per_worker == 0:
        return by_cpu
    return min(by_cpu, int(node.num_gpus / resources.gpus_per_worker + 1e-9))


def _no_node(resources: Resources, nodes: Sequence[NodeResources]) -> BadInputError:
    most_gpus = max(nodes, key=lambda node: node.num_gpus)
    if resources.gpus_per_worker > most_gpus.num_gpus:
        total = sum(node.num_gpus for node in nodes)
        return BadInputError(
            f"resources.gpus_per_worker = {resources.gpus_per_worker:g}: the cluster has {total:g} GPUs, "
            f"at most {most_gpus.num_gpus:g} on one node",
            hint="set resources.gpus_per_worker = 0 to train on CPUs" if total == 0 else "ask for less",
        )
    most_cpus = max(nodes, key=lambda node: node.num_cpus)
    return BadInputError(
        f"resources.cpus_per_worker = {resources.cpus_per_worker}: no node has so many CPUs; "
        f"the largest has {most_cpus.num_cpus:g} ({most_cpus.name})",
        hint=f"set resources.cpus_per_worker to {most_cpus.num_cpus:g} or less",
    )


def _reason(resources: Resources) -> str:
    if resources.engine is not EngineName.AUTO:
        return "as asked for"
    if resources.workers_per_trial == 1:
        return "one worker a trial needs no group"
    return "workers of a trial train together in a Ray Train group"
