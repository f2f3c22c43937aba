"""Every method of the benchmark, by name: the one place to add one."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestrator.config.settings import SamplerName, SchedulerName, SearchConfig
from orchestrator.simulate.score import Trace
from orchestrator.simulate.searches import simulated
from orchestrator.simulate.table import ArchitectureTable
from tests.benchmarks.search.moasha import MoashaPeer, priority_as_released, priority_mended
from tests.benchmarks.search.optuna_peers import gaussian_process, nsga2, tpe
from tests.benchmarks.search.peer import Peer, Search, Stop, run_peer
from tests.benchmarks.search.random_peers import RandomPeer, RungPeer

OURS = "archfront"
"""The method that all others are compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A way to search.

    Attributes:
        max_seeds: fewer than asked for where a search takes minutes.
        max_tables: given up sooner than the others, for the same reason.
        module: what must be installed.
    """

    search: Search
    max_seeds: int | None = None
    max_tables: float = math.inf
    module: str = "orchestrator"

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


MakePeer = Callable[[SearchConfig, int, int], Peer]
"""A peer from the config, the search's seed and the number of workers."""


def _of_peer(make: MakePeer) -> Search:
    def search(table: ArchitectureTable, config: SearchConfig, *, seed: int, num_workers: int, stop: Stop) -> Trace:
        peer = make(config, seed, num_workers)
        return run_peer(peer, table, config, seed=seed, num_workers=num_workers, stop=stop)

    return search


def _ours(sampler: SamplerName, scheduler: SchedulerName) -> Search:
    def search(table: ArchitectureTable, config: SearchConfig, *, seed: int, num_workers: int, stop: Stop) -> Trace:
        study = replace(config.study, seed=seed, sampler=sampler, scheduler=scheduler)
        budget = replace(config.budget, trials=1_000_000)
        return simulated(
            replace(config, study=study, budget=budget), table, num_workers=num_workers, until=stop.after
        ).trace

    return search


METHODS: Mapping[str, Method] = {
    OURS: Method(search=_ours(SamplerName.KNOWN_COST, SchedulerName.FRONT)),
    "archfront, nothing stopped": Method(search=_ours(SamplerName.KNOWN_COST, SchedulerName.NONE)),
    "random": Method(search=_of_peer(lambda config, seed, _: RandomPeer(config, seed=seed))),
    "random + rung rule": Method(search=_of_peer(lambda config, seed, _: RungPeer(config, seed=seed))),
    "optuna NSGA-II": Method(search=_of_peer(lambda config, seed, _: nsga2(config, seed=seed))),
    "optuna TPE": Method(
        search=_of_peer(lambda config, seed, num_workers: tpe(config, seed=seed, num_workers=num_workers))
    ),
    "optuna GP": Method(
        search=_of_peer(lambda config, seed, _: gaussian_process(config, seed=seed)), max_seeds=5, max_tables=0.3
    ),
    "syne-tune MOASHA": Method(
        search=_of_peer(lambda config, seed, _: MoashaPeer(config, seed=seed, priority=priority_as_released)),
        module="syne_tune",
        max_seeds=5,
    ),
    "syne-tune MOASHA, mended": Method(
        search=_of_peer(lambda config, seed, _: MoashaPeer(config, seed=seed, priority=priority_mended)),
        module="syne_tune",
        max_seeds=10,
    ),
}
