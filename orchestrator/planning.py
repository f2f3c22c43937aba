"""What a study would do: how large its space is, what is feasible in it, how it is laid out. Trains nothing."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass

from orchestrator.config.settings import SearchConfig
from orchestrator.objectives import MACS, NUM_PARAMETERS
from orchestrator.runtime import connection, layout
from search_spaces import registry
from search_spaces.errors import ArchitectureError

NUM_SAMPLES = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """The costs of a uniform sample of the space; triples are least, median and most.

    ``feasible_share`` counts the limits that are known without a device: parameters, MACs and geometry.
    """

    num_points: float
    feasible_share: float
    num_parameters: tuple[float, float, float]
    macs: tuple[float, float, float]


def spread(config: SearchConfig) -> Spread:
    """Samples the space with a fixed seed."""
    rng = random.Random(0)
    limits = [item for item in config.constraints if item.name in (NUM_PARAMETERS, MACS)]
    found: list[dict[str, float]] = []
    for _ in range(NUM_SAMPLES):
        try:
            network = registry.architecture(config.space.sample(rng), config.task)
            macs = network.macs(config.task.image_size)
        except ArchitectureError:
            continue
        found.append({NUM_PARAMETERS: float(network.num_parameters), MACS: float(macs)})
    feasible = [costs for costs in found if all(item.violation(costs[item.name]) <= 0 for item in limits)]
    return Spread(
        num_points=config.space.num_points,
        feasible_share=len(feasible) / NUM_SAMPLES,
        num_parameters=_triple([costs[NUM_PARAMETERS] for costs in feasible or found]),
        macs=_triple([costs[MACS] for costs in feasible or found]),
    )


def layout_of(config: SearchConfig, address: str | None) -> layout.Layout:
    """How many trials run at once on this machine, or on the cluster at ``address``."""
    if address is None:
        return layout.plan(config.resources, [layout.this_machine()])
    connection.prepare_environment(address)
    try:
        return layout.plan(config.resources, connection.connect(address))
    finally:
        connection.disconnect()


def _triple(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)
