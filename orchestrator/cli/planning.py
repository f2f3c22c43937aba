"""Command ``plan``: what a study would do, before it is paid for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.files import Set, Study, load_study
from orchestrator.cli.printing import console, print_json
from orchestrator.cli.searching import STORAGE, storage_of
from orchestrator.config.settings import Budget, SearchConfig
from orchestrator.report.wording import duration as duration_text
from orchestrator.runtime.connection import LOCAL, address_of

if TYPE_CHECKING:
    from orchestrator.planning import Disk, Duration, Networks, Spread
    from orchestrator.runtime.layout import Layout


def plan(
    study: Study,
    *,
    overrides: Set = [],  # noqa: B006 - typer reads it
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster to plan for; default: $RAY_ADDRESS, else this machine.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help=f"Where studies lie; earlier ones tell how long epochs take. Default: ${STORAGE}, else runs/."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Print what a study would take, without training anything: its space, layout, time and disk.

    How long a trial takes is known from earlier studies of the same data and recipe, else from training steps on
    black images that are timed in some ten seconds.
    """
    from orchestrator.data.catalog import inspect
    from orchestrator.planning import calibrate, disk, duration, networks_of

    config, runs = load_study(study, overrides).config, storage_of(storage)
    networks = networks_of(config)
    layout = _layout(config, networks, address)
    space = disk(config, networks, layout, runs)
    if not json:
        _print_known(config, networks, layout, space, runs)
    calibration = calibrate(config, networks, data=inspect(config.data), storage=runs)
    time = duration(config, networks, layout, calibration) if calibration else None
    if json:
        print_json(_to_json(config, networks, layout, space, time))
    else:
        _print_time(config, time, is_elsewhere=address_of(address) != LOCAL)


def _layout(config: SearchConfig, networks: Networks, address: str | None) -> Layout:
    """Refuses resources that nobody has, and networks that this machine has no memory for."""
    from orchestrator.data.free_memory import available_bytes
    from orchestrator.planning import check_memory, layout_of

    where = address_of(address)
    layout = layout_of(config, None if where == LOCAL else where)
    if where == LOCAL and not config.resources.gpus_per_worker:
        check_memory(config, networks, memory_bytes=available_bytes())
    return layout


def _print_known(config: SearchConfig, networks: Networks, layout: Layout, space: Disk, runs: Path) -> None:
    screen = console()
    drawn = "" if networks.is_whole else f" of {networks.num_examined:,} drawn"
    screen.print(
        Text.assemble(
            (config.study.name, "bold"),
            f": {networks.num_points:,.0f} architectures, {100 * networks.feasible_share:.0f} %{drawn} feasible",
        )
    )
    _print_spread("parameters", networks.num_parameters)
    _print_spread("MACs", networks.macs)
    screen.print(f"  trials      {config.budget.trials:,} of at most {config.recipe.epochs} epochs; {layout}")
    for node in layout.nodes:
        screen.print(f"              {node}")
    if ends := _other_ends(config.budget):
        screen.print(f"  ends        earlier after {' or '.join(ends)}")
    low, high = map(_bytes, space.num_bytes)
    screen.print(f"  disk        {low} to {high} in {runs}, where {_bytes(space.free_bytes)} are free")


def _print_spread(name: str, spread: Spread) -> None:
    console().print(
        f"  {name:<11} {spread.least:>12,.0f} least {spread.median:>14,.0f} median {spread.most:>14,.0f} most"
    )


def _print_time(config: SearchConfig, time: Duration | None, *, is_elsewhere: bool) -> None:
    screen = console()
    if time is None:
        screen.print(
            "  time        not known: trials have a GPU, this machine has none, and no study here was trained alike"
        )
        return
    screen.print(
        f"  a trial     {_between(*map(duration_text, time.trial_s))}, median {duration_text(time.median_trial_s)}, "
        "in full"
    )
    elsewhere = "; nodes of the cluster may be faster or slower than this machine" if is_elsewhere else ""
    screen.print(f"              {time.source}{elsewhere}")
    hours = ("GPU-hours", time.gpu_hours) if config.resources.gpus_per_worker else ("CPU-hours", time.cpu_hours)
    screen.print(f"  {hours[0]:<11} {_hours(hours[1][0])} to {_hours(hours[1][1])}")
    cut = ", cut by budget.wall_time" if time.is_cut else ""
    screen.print(f"  wall time   {_between(*map(duration_text, time.wall_time_s))}{cut}")


def _other_ends(budget: Budget) -> list[str]:
    """What may end the search before its trials are spent."""
    texts = {
        budget.wall_time: bool(budget.wall_time),
        f"{budget.gpu_hours:g} GPU-hours": budget.gpu_hours > 0,
        f"{budget.patience:,} trials that gain nothing": budget.patience > 0,
    }
    return [text for text, is_given in texts.items() if is_given]


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _hours(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2g}"


def _bytes(amount: float) -> str:
    """Three digits: ``3.11 MB``."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if amount >= factor:
            return f"{amount / factor:.3g} {unit}"
    return f"{amount / 1e3:.3g} kB"


def _to_json(
    config: SearchConfig, networks: Networks, layout: Layout, space: Disk, time: Duration | None
) -> dict[str, Any]:
    return {
        "study": config.study.name,
        "num_architectures": None if networks.num_points == float("inf") else networks.num_points,
        "num_examined": networks.num_examined,
        "feasible_share": networks.feasible_share,
        "num_parameters": asdict(networks.num_parameters),
        "macs": asdict(networks.macs),
        "trials": config.budget.trials,
        "epochs": config.recipe.epochs,
        "num_slots": layout.num_slots,
        "workers_per_trial": layout.num_workers,
        "engine": layout.engine,
        "disk_bytes": [round(end) for end in space.num_bytes],
        "free_bytes": space.free_bytes,
        "time": asdict(time) if time else None,
    }
