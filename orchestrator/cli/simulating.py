"""``archfront simulate``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.files import Set, Study, load_study
from orchestrator.cli.printing import console, print_json

if TYPE_CHECKING:
    from orchestrator.simulate.searches import SearchResult


def simulate(
    study: Study,
    *,
    table: Annotated[Path, typer.Option(help="Parquet file of trained architectures.")],
    workers: Annotated[int, typer.Option(min=1, max=10_000, help="Trials at a time.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Searches, each with a seed of its own.")] = 5,
    overrides: Set = [],  # noqa: B006 - typer reads it
    json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Run a study over a table of results instead of training: a search of hundreds of trials in seconds."""
    from orchestrator.simulate import searches
    from orchestrator.simulate.table import read_table

    config = load_study(study, overrides).config
    known = read_table(table)
    searches.check_covered(config, known)
    methods = {str(config.study.sampler): config, "random": searches.random_search(config)}
    results = {
        name: searches.simulate(one, known, num_seeds=seeds, num_workers=workers) for name, one in methods.items()
    }
    if json:
        print_json({name: [_fields(result) for result in found] for name, found in results.items()})
        return
    _print_table(results, title=f"{config.study.name}: {len(known.rows)} architectures, {workers} workers, n = {seeds}")


def _fields(result: SearchResult) -> dict[str, object]:
    ratios = {
        f"cost_to_{share:g}": ratio if math.isfinite(ratio) else None for share, ratio in result.cost_ratio.items()
    }
    return {
        **ratios,
        "hypervolume_share": result.hypervolume_share,
        "cost_s": result.cost_s,
        "states": dict(result.states),
    }


def _print_table(results: dict[str, list[SearchResult]], *, title: str) -> None:
    from rich.table import Table

    shares = list(next(iter(results.values()))[0].cost_ratio)
    printed = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    printed.add_column("sampler")
    for share in shares:
        printed.add_column(f"cost to {share:.0%} / oracle's", justify="right")
    for name in ("hypervolume / oracle's", "COMPLETED", "PRUNED"):
        printed.add_column(name, justify="right")
    for name, found in results.items():
        ratios = [_median_text([result.cost_ratio[share] for result in found]) for share in shares]
        hypervolume = statistics.median(result.hypervolume_share for result in found)
        states = [
            f"{statistics.median(one.states.get(state, 0) for one in found):g}" for state in ("COMPLETED", "PRUNED")
        ]
        printed.add_row(name, *ratios, f"{hypervolume:.3f}", *states)
    console().print(printed)
    console().print("medians; a search ends with its budget, or at 99 % of the oracle's hypervolume", style="dim")


def _median_text(values: Sequence[float]) -> str:
    """With the share that got there, where not all did."""
    reached = sum(map(math.isfinite, values))
    median = statistics.median(values)
    text = f"{median:.2f}" if math.isfinite(median) else "not reached"
    return text if reached == len(values) else f"{text} ({reached} of {len(values)} got there)"
