"""What a search costs to come near the oracle's front, against peers: ``python -m tests.benchmarks.search --seeds 50``.

Every search is simulated over tables of trained networks (``tests/benchmarks/digits_nas``); definitions are those of
``orchestrator/simulate/score.py``. A search sees the curves of one of the table's seeds, and is scored by their mean.
It ends at 99 % of the oracle's hypervolume, or when it has cost as much as training the table twice, and then counts
with that cost. Networks that a peer asks for again cost their full price again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator import provenance
from orchestrator.errors import ArchfrontError
from tests.benchmarks.digits_nas.data import TABLES
from tests.benchmarks.machine import parser, publish
from tests.benchmarks.search.case import OBJECTIVES, Case, cases
from tests.benchmarks.search.figures import rows
from tests.benchmarks.search.methods import METHODS
from tests.benchmarks.search.outcome import Ledger
from tests.benchmarks.search.peer import MAX_TABLES


def main() -> None:
    options = _options()
    found: list[dict[str, Any]] = []
    for table in options.table:
        try:
            of_table = list(
                cases(table, num_objectives=options.objectives, workers=options.workers, max_tables=options.max_tables)
            )
        except ArchfrontError as error:
            print(f"left out: {error}")
            continue
        for case in of_table:
            found.append(_measured(case, options))
            if options.json is not None:
                options.json.write_text(json.dumps({"cases": found, "machine": provenance.collect()}, indent=1) + "\n")


def _measured(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    outcomes = {}
    for name in options.methods:
        method = METHODS[name]
        if not method.is_installed:
            print(f"{name} is left out: {method.module} is not installed")
            continue
        num_seeds = min(options.seeds, method.max_seeds or options.seeds)
        limited = replace(case, max_tables=min(case.max_tables, method.max_tables))
        outcomes[name] = Ledger(options.work, limited, name).outcomes(num_seeds)
    oracle_cost_s = case.oracle_cost_s()
    found = rows(outcomes, oracle_cost_s)
    limits = ", ".join(f"{case.limit_s / cost_s:.3g}" for cost_s in oracle_cost_s)
    publish(f"{case.title}; given up at {limits} times the oracle's cost", found, to=None)
    return {
        "title": case.title,
        "limit_s": case.limit_s,
        "oracle_cost_s": oracle_cost_s,
        "rows": found,
        "searches": {name: [asdict(outcome) for outcome in of_method] for name, of_method in outcomes.items()},
    }


def _options() -> argparse.Namespace:
    options = parser(__doc__ or "")
    options.add_argument("--seeds", type=int, default=50, help="searches for each method and case")
    options.add_argument("--table", nargs="+", choices=TABLES, default=list(TABLES))
    options.add_argument("--objectives", nargs="+", type=int, choices=list(OBJECTIVES), default=list(OBJECTIVES))
    options.add_argument("--workers", nargs="+", type=int, default=[1, 4, 16])
    options.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    options.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="keep each search here; the same command goes on, files of a method that has changed are to be deleted",
    )
    given = options.parse_args()
    given.max_tables = MAX_TABLES
    if given.quick:
        given.seeds, given.workers, given.max_tables = 1, given.workers[:1], MAX_TABLES / 10
    return given


if __name__ == "__main__":
    main()
