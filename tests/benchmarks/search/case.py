"""One table, one choice of objectives and some number of workers: what all methods are measured on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.objectives import ACCURACY, DIRECTIONS, LATENCY_MS, NUM_PARAMETERS, Objective
from orchestrator.simulate.score import Scorer
from orchestrator.simulate.table import ArchitectureTable, read_table
from tests.benchmarks.search.peer import MAX_TABLES, SHARES

TABLES = Path(__file__).parents[1] / "digits_nas"

OBJECTIVES: Mapping[int, tuple[Objective, ...]] = {
    num: tuple(
        Objective(name=name, direction=DIRECTIONS[name]) for name in (ACCURACY, NUM_PARAMETERS, LATENCY_MS)[:num]
    )
    for num in (2, 3)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """See above.

    Attributes:
        fingerprint: of the table's file.
        max_tables: a search is given up when it has cost as much as the table so many times.
    """

    name: str
    fingerprint: str
    table: ArchitectureTable
    config: SearchConfig
    scorer: Scorer
    num_workers: int
    max_tables: float

    @property
    def title(self) -> str:
        names = ", ".join(objective.name for objective in self.config.objectives)
        return f"{self.name}: {len(self.table.rows)} architectures, {names}, {self.num_workers} workers"

    @property
    def limit_s(self) -> float:
        return self.max_tables * math.fsum(self.scorer.cost_s.values())

    def oracle_cost_s(self) -> tuple[float, ...]:
        oracle = self.scorer.oracle()
        return tuple(self.scorer.cost_to(oracle, share, 1) for share in SHARES)


def cases(
    table: str, *, num_objectives: list[int], workers: list[int], max_tables: float = MAX_TABLES
) -> Iterator[Case]:
    """Every case of one of the tables.

    Raises:
        BadInputError: the table is missing or broken.
    """
    path = TABLES / f"{table}.parquet"
    rows, config = read_table(path), load(TABLES / f"{table}.toml", (), inspect=inspect).config
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    for num in num_objectives:
        scorer = Scorer.of(rows, OBJECTIVES[num])
        for num_workers in workers:
            yield Case(
                name=table,
                fingerprint=fingerprint,
                table=rows,
                config=replace(config, objectives=OBJECTIVES[num]),
                scorer=scorer,
                num_workers=num_workers,
                max_tables=max_tables,
            )
