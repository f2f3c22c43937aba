"""The exclusive slot of a cluster: one task that takes a whole node, so that nobody computes beside a measurement."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.config.settings import SearchConfig
from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.measure.conditions import CUDA, Setup, conditions_of, is_elsewhere
from orchestrator.measure.forecast import Timings, setups_of
from orchestrator.measure.predictor import LatencyPredictor
from orchestrator.measure.slot import Slot, local_slot
from orchestrator.objectives import LATENCY_MS
from orchestrator.records import LatencyConditions
from orchestrator.runtime import connection
from orchestrator.runtime.layout import LATENCY_SLOT
from search_spaces.architecture import Architecture

logger = logging.getLogger(__name__)

# Measuring a front takes a minute or two.
_PATIENCE_S = 180.0

# Of a resource, enough to be sent to its node and too little to keep anybody out.
_LITTLE = 0.001


@contextmanager
def open_slot(config: SearchConfig, address: str) -> Iterator[Slot | None]:
    """Where the study is measured; None where that is a device of the user's own."""
    setups = setups_of(config)
    if is_elsewhere(config.latency.device):
        yield None
    elif address != connection.LOCAL:
        yield ClusterSlot(setups)
    else:
        with local_slot(setups) as slot:
            yield slot


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """The node that measures, and all of it that a measurement takes."""

    node_id: str
    name: str
    resources: Mapping[str, float]


class ClusterSlot:
    """A node of the cluster, taken whole while it measures; it needs a connection to Ray from its first use on."""

    def __init__(self, setups: Mapping[str, Setup]) -> None:
        self._setups = setups
        self._levels: dict[LatencyConditions, float | None] = {}

    @cached_property
    def conditions(self) -> tuple[LatencyConditions, ...]:
        found: tuple[LatencyConditions, ...] = self._on_node(_conditions, is_alone=False)
        return found

    def prepare(self, networks: Sequence[Architecture]) -> None:
        """Nothing: to build on the node would disturb the trials that still run there."""

    def stand_at(self, predictors: Mapping[str, LatencyPredictor]) -> None:
        self._levels = {one.conditions: one.reference_ms for one in predictors.values()}

    def measure(self, networks: Sequence[Architecture]) -> tuple[Timings, ...]:
        if not networks:
            return ()
        timings, levels = self._on_node(_measured, list(networks), self._levels)
        self._levels = self._levels | levels
        return tuple(timings)

    def calibrate(self, networks: Sequence[Architecture], names: Sequence[str]) -> dict[str, LatencyPredictor]:
        found: dict[str, LatencyPredictor] = self._on_node(_calibrated, list(networks), list(names))
        return found

    def _on_node(self, function: Any, *arguments: Any, is_alone: bool = True) -> Any:
        """What the function gives on the node, or on another where that one is lost meanwhile.

        Errors that are its user's business come back as they were.
        """
        import ray

        while True:
            node = self._node
            try:
                found, message, hint = self._answer(node, function, arguments, is_alone=is_alone)
            except ray.exceptions.RayError:
                if _is_alive(node):
                    raise
                logger.warning("%s, which measures latency, is lost: another node does from here on", node.name)
                for known in ("_node", "conditions"):
                    self.__dict__.pop(known, None)
                continue
            if message:
                raise (BadInputError if hint else ArchfrontError)(f"measuring on {node.name}: {message}", hint=hint)
            return found

    def _answer(self, node: _Node, function: Any, arguments: Sequence[Any], *, is_alone: bool) -> tuple[Any, str, str]:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        needs = dict(node.resources)
        if self._setups[LATENCY_MS].device != CUDA:
            needs.pop("GPU", None)
        if not is_alone:
            needs = {"CPU": _LITTLE}
        task = ray.remote(
            num_cpus=needs.pop("CPU"),
            num_gpus=needs.pop("GPU", 0.0),
            resources=needs,
            max_retries=2,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False),
        )(_tried)
        waiting = task.remote(function, dict(self._setups), *arguments)
        if not ray.wait([waiting], timeout=_PATIENCE_S)[0]:
            logger.warning("still waiting for %s, which is taken whole to measure: others may hold its CPUs", node.name)
        answer: tuple[Any, str, str] = ray.get(waiting)
        return answer

    @cached_property
    def _node(self) -> _Node:
        """The one with ``latency_slot``, else the driver's own, else any that computes."""
        import ray

        own = ray.get_runtime_context().get_node_id()
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0.0) > 0]
        nodes.sort(key=lambda node: (LATENCY_SLOT not in node["Resources"], node["NodeID"] != own, node["NodeID"]))
        if not nodes:
            raise BadInputError("no node of the cluster has a CPU to measure latency on", hint="add a node")
        found = nodes[0]["Resources"]
        return _Node(
            node_id=nodes[0]["NodeID"],
            name=nodes[0]["NodeManagerHostname"],
            resources={name: found[name] for name in ("CPU", "GPU", LATENCY_SLOT) if found.get(name, 0.0) > 0},
        )


def _is_alive(node: _Node) -> bool:
    import ray

    return any(one["NodeID"] == node.node_id and one["Alive"] for one in ray.nodes())


def _tried(function: Any, setups: Mapping[str, Setup], *arguments: Any) -> tuple[Any, str, str]:
    """On the node: what the function gives, or the message and the hint of its error."""
    try:
        return function(setups, *arguments), "", ""
    except ArchfrontError as error:
        return None, error.message, error.hint


def _conditions(setups: Mapping[str, Setup]) -> tuple[LatencyConditions, ...]:
    return tuple(map(conditions_of, setups.values()))


def _measured(
    setups: Mapping[str, Setup], networks: list[Architecture], levels: Mapping[LatencyConditions, float | None]
) -> tuple[tuple[Timings, ...], dict[LatencyConditions, float | None]]:
    here = {name: conditions_of(setup) for name, setup in setups.items()}
    with local_slot(setups) as slot:
        slot.set_levels({name: levels[conditions] for name, conditions in here.items() if conditions in levels})
        timings = slot.measure(networks)
        return timings, {here[name]: level for name, level in slot.levels.items()}


def _calibrated(
    setups: Mapping[str, Setup], networks: list[Architecture], names: list[str]
) -> dict[str, LatencyPredictor]:
    with local_slot({name: setups[name] for name in names}) as slot:
        return slot.calibrate(networks, names)
