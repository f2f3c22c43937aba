"""Whole searches over a table: how many seeds of a study fare, beside random search."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config.settings import SamplerName, SchedulerName, SearchConfig
from orchestrator.errors import BadInputError
from orchestrator.objectives import THROUGHPUT_PER_S
from orchestrator.simulate.score import Completion, GrowingFront, Scorer, Trace
from orchestrator.simulate.study import SimulatedStudy
from orchestrator.simulate.table import ArchitectureTable
from search_spaces.errors import ArchitectureError
from search_spaces.registry import architecture

SHARES = (0.95, 0.99)
"""Of the oracle's hypervolume: the costs to these are reported."""

_NUM_PROBES = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """One simulated search.

    Attributes:
        states: number of trials by state.
        cost_ratio: by share of the oracle's hypervolume, what it cost to reach it over what the oracle pays; infinite
            where it was not reached.
        hypervolume_share: of the oracle's, at the end.
        cost_s: worker-seconds to the end.
    """

    trace: Trace
    states: Mapping[str, int]
    cost_ratio: Mapping[float, float]
    hypervolume_share: float
    cost_s: float


def simulate(config: SearchConfig, table: ArchitectureTable, *, num_seeds: int, num_workers: int) -> list[SearchResult]:
    """Searches with the seeds 0, 1, ...; each sees the table's seed of that number, modulo how many there are.

    Raises:
        NothingFeasibleError: no network of the table is within the study's constraints.
    """
    scorer = Scorer.of(
        table,
        config.objectives,
        constraints=config.constraints,
        image_size=config.task.image_size,
        latency=config.latency,
    )
    oracle = scorer.oracle()
    oracle_cost_s = {share: scorer.cost_to(oracle, share, 1) for share in SHARES}
    seeded = (replace(config, study=replace(config.study, seed=seed)) for seed in range(num_seeds))
    return [_searched(one, table, scorer, oracle_cost_s=oracle_cost_s, num_workers=num_workers) for one in seeded]


def _searched(
    config: SearchConfig,
    table: ArchitectureTable,
    scorer: Scorer,
    *,
    oracle_cost_s: Mapping[float, float],
    num_workers: int,
) -> SearchResult:
    """One search, which ends with its budget or at 99 % of the oracle's hypervolume."""
    front, target = GrowingFront(scorer.points), scorer.target(max(SHARES))

    def is_enough(completion: Completion) -> bool:
        return front.add(completion.architecture_id) >= target

    study = simulated(config, table, num_workers=num_workers, until=is_enough)
    return SearchResult(
        trace=study.trace,
        states=Counter(str(record.state) for record in study.store.records.values()),
        cost_ratio={
            share: scorer.cost_to(study.trace, share, num_workers) / cost_s for share, cost_s in oracle_cost_s.items()
        },
        hypervolume_share=front.hypervolume / scorer.front_hypervolume,
        cost_s=study.time_s * num_workers,
    )


def simulated(
    config: SearchConfig,
    table: ArchitectureTable,
    *,
    num_workers: int,
    until: Callable[[Completion], bool] = lambda _: False,
) -> SimulatedStudy:
    """A study that ran to its end in a folder that is gone; its records are still in memory."""
    with tempfile.TemporaryDirectory(prefix="archfront-simulated-") as folder:
        table_seed = config.study.seed % table.num_seeds
        study = SimulatedStudy.begun(Path(folder) / "study", config, table, table_seed=table_seed)
        try:
            study.run(num_workers=num_workers, until=until)
        finally:
            study.store.close()
    return study


def random_search(config: SearchConfig) -> SearchConfig:
    """The same study without a model and without stopping anything."""
    study = replace(config.study, sampler=SamplerName.RANDOM, scheduler=SchedulerName.NONE)
    return replace(config, study=study)


def check_covered(config: SearchConfig, table: ArchitectureTable) -> None:
    """Refuses a table that has next to nothing of the study's space, or not what the study asks for.

    Raises:
        BadInputError: with the share that it has, or the figure that it lacks.
    """
    if THROUGHPUT_PER_S in {one.name for one in config.objectives} | {one.name for one in config.constraints}:
        raise BadInputError("the table has no throughput", hint=f"take {THROUGHPUT_PER_S} out of the study")
    rng = random.Random(0)
    ids = []
    for _ in range(_NUM_PROBES):
        try:
            ids.append(architecture(config.space.sample(rng), config.task).architecture_id)
        except ArchitectureError:
            continue
    share = statistics.fmean(name in table.rows for name in ids) if ids else 0.0
    if share < 0.01:
        raise BadInputError(
            f"the table has {share:.1%} of the study's space", hint="simulate the study that the table was made for"
        )
    # Where a learning rate falls towards the end, a part of a curve is no shorter training.
    if config.recipe.epochs != table.num_epochs:
        raise BadInputError(
            f"recipe.epochs = {config.recipe.epochs}: the table's curves have {table.num_epochs} epochs",
            hint=f"--set recipe.epochs={table.num_epochs}",
        )
