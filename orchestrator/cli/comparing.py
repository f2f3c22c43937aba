"""``archfront compare``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from orchestrator.cli.choosing import Json, complete_study_directory
from orchestrator.cli.printing import (
    console,
    fields_by_family,
    front_table,
    further_columns,
    print_json,
    print_warnings,
    record_json,
)
from orchestrator.objectives import TIMED
from orchestrator.records import TrialState
from orchestrator.report import wording
from orchestrator.store.remote_study import open_directory

if TYPE_CHECKING:
    from orchestrator.compare import Comparison, Standing

MAX_ROWS = 10
"""Of each table of trials; as JSON there are all."""

Directories = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR DIR...",
        help="Two studies' directories or more.",
        show_default=False,
        parser=open_directory,
        autocompletion=complete_study_directory,
    ),
]


def compare(directories: Directories, *, json: Json = False) -> None:
    """Put the fronts of several studies over each other: what each found, and what it cost."""
    from orchestrator.compare import compare as compared
    from orchestrator.compare import read_entry

    comparison = compared([read_entry(directory) for directory in directories])
    if json:
        print_json(_to_json(comparison))
        return
    print_warnings(comparison.ground.warnings)
    screen = console()
    screen.print(_overview(comparison))
    screen.print(_legend(comparison), style="dim", soft_wrap=True)
    screen.print(_coverage(comparison))
    for one in comparison.shared:
        screen.print(_shared(one.labels, one.num_architectures, one.accuracy_gap), soft_wrap=True)
    fields = fields_by_family(record.architecture for standing in comparison.standings for record in standing.front)
    further = further_columns(comparison.ground.objectives)
    for standing in comparison.standings:
        alone = [record for record in standing.front if record.number in standing.unseen & standing.on_joint_front]
        if alone:
            title = f"on the joint front, and found by {standing.label} alone: {len(alone)}"
            screen.print()
            screen.print(front_table(alone[:MAX_ROWS], fields, title=title, further=further))


def _overview(comparison: Comparison) -> Table:
    table = _table("study", "trials", "training", "duration", "front", "on the joint front", "hypervolume")
    for standing in comparison.standings:
        table.add_row(
            standing.label,
            f"{sum(standing.states.values()):,} ({standing.states.get(TrialState.COMPLETED, 0):,} completed)",
            wording.duration(standing.training_s),
            wording.duration(standing.wall_time_s),
            f"{len(standing.front):,}",
            f"{len(standing.on_joint_front):,}",
            f"{standing.hypervolume:.4f}",
        )
    table.add_row("all together", "", "", "", "", str(_num_joint(comparison)), f"{comparison.joint_hypervolume:.4f}")
    return table


def _coverage(comparison: Comparison) -> Table:
    labels = [standing.label for standing in comparison.standings]
    table = _table("covers the front of", *labels)
    for one in labels:
        cells = ["" if one == other else _share(comparison.coverage[one, other]) for other in labels]
        table.add_row(one, *cells)
    return table


def _legend(comparison: Comparison) -> str:
    from orchestrator.pareto import REFERENCE

    names = [one.name for one in comparison.ground.objectives]
    timed = " and ".join(name for name in names if name in TIMED)
    basis = f" ({timed} as {comparison.ground.basis}, by the median)" if timed else ""
    return (
        f"in {', '.join(names)}{basis}; hypervolume of accuracy and the logarithms of the costs, each scaled to 0..1 "
        f"over all COMPLETED trials, with the reference point {REFERENCE} in each"
    )


def _shared(labels: tuple[str, str], count: int, gap: float | None) -> str:
    if gap is None:
        return f"{labels[0]} and {labels[1]} have trained no architecture both"
    architectures = wording.count(count, "architecture")
    return f"{labels[0]} and {labels[1]} have both trained {architectures}; accuracies differ by {gap:.4f} (median)"


def _share(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.0%}"


def _num_joint(comparison: Comparison) -> int:
    """Architectures, not trials: two studies may have found the same one."""
    return len(
        {
            record.architecture_id
            for standing in comparison.standings
            for record in standing.front
            if record.number in standing.on_joint_front
        }
    )


def _table(first: str, *names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _to_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "objectives": [one.name for one in comparison.ground.objectives],
        "latency_basis": comparison.ground.basis,
        "warnings": list(comparison.ground.warnings),
        "joint_hypervolume": comparison.joint_hypervolume,
        "studies": [_standing_json(standing) for standing in comparison.standings],
        "coverage": [
            {"study": one, "covers": other, "share": None if math.isnan(share) else share}
            for (one, other), share in comparison.coverage.items()
        ],
        "shared": [
            {
                "studies": list(one.labels),
                "num_architectures": one.num_architectures,
                "accuracy_gap_median": one.accuracy_gap,
            }
            for one in comparison.shared
        ],
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "directory": standing.label,
        "study": standing.name,
        "hypervolume": standing.hypervolume,
        "states": {str(state): count for state, count in standing.states.items()},
        "training_s": standing.training_s,
        "wall_time_s": standing.wall_time_s,
        "front": [
            {
                **record_json(record),
                "on_joint_front": record.number in standing.on_joint_front,
                "found_alone": record.number in standing.unseen,
            }
            for record in standing.front
        ],
    }
