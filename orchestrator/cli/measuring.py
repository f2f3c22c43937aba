"""Commands around latency: ``profile``, ``measure``, ``import-latency``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.choosing import Directory
from orchestrator.cli.files import Set, Study, load_study
from orchestrator.cli.printing import console
from orchestrator.cli.searching import STORAGE, storage_of
from orchestrator.config.identity import from_frozen
from orchestrator.config.runtimes import Runtime
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError
from orchestrator.report.wording import count

if TYPE_CHECKING:
    from orchestrator.measure.exchange import Figures


def profile(
    study: Study,
    *,
    overrides: Set = [],  # noqa: B006 - typer reads it
    storage: Annotated[
        Path | None, typer.Option(help=f"Where studies find it. Default: ${STORAGE}, else runs/ here.")
    ] = None,
    write_list: Annotated[
        Path | None, typer.Option("--list", help="Write what is to be measured on another device, and stop.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--from", help="Figures that archfront measure took of that list.")
    ] = None,
) -> None:
    """Measure a study's device for about a minute, so that latency is predicted more closely than by a search alone."""
    config = load_study(study, overrides).config
    if write_list is not None:
        _write_list(config, write_list)
        return
    from orchestrator.measure.exchange import Figures
    from orchestrator.measure.profile import MAX_MEAN_ERROR, MIN_RANK_CORRELATION, fit_profile, write_profile

    taken = Figures.read(figures) if figures is not None else _measured(config)
    found = fit_profile(taken, config.space, config.task)
    path = write_profile(found, storage_of(storage))
    predictor, screen = found.predictor, console()
    how = f"{found.num_held_out} held out" if found.num_held_out else "each left out in turn"
    screen.print(f"{found.conditions.device}, {found.conditions.runtime}: {predictor.num_references} networks, {how}")
    screen.print(f"  mean error       {predictor.mean_error:.1%} (goal: at most {MAX_MEAN_ERROR:.0%})")
    screen.print(f"  19 of 20 within  {predictor.error_95:.1%}")
    screen.print(f"  rank correlation {predictor.rank_correlation:.4f} (goal: at least {MIN_RANK_CORRELATION})")
    if found.num_contended:
        screen.print(f"  contended        {found.num_contended} of {len(taken.networks)}: something else was running")
    screen.print(str(path))
    if not found.is_good:
        screen.print("[yellow]the goals are missed: profile again while nothing else runs[/]")


def measure(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="measure.json of a study, exported folders, architectures.")
    ],
    *,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("figures.json"),
    device: Annotated[str, typer.Option(help="What [latency] device calls this machine.")] = "cpu",
    runtime: Annotated[Runtime, typer.Option(help="How the networks run.")] = Runtime.FOLDED,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    batch_size: Annotated[int, typer.Option(min=1)] = 1,
    image_size: Annotated[int | None, typer.Option(min=1, help="Default: as exported folders say.")] = None,
) -> None:
    """Measure latency on this machine; the same without this command line: python -m orchestrator.measure.elsewhere."""
    from orchestrator.measure.elsewhere import Wish, summary, take_figures

    wish = Wish(device=device, runtime=runtime, num_threads=threads, batch_size=batch_size, image_size=image_size)
    figures = take_figures(paths, wish)
    figures.write(to)
    for line in summary(figures):
        console().print(line)
    console().print(f"{figures.conditions.device}, {figures.conditions.runtime}: {to}")


def import_latency(
    directory: Directory,
    figures: Annotated[Path, typer.Argument(metavar="FIGURES", help="What archfront measure wrote.")],
) -> None:
    """Take latencies of a study's networks that were measured on its device."""
    from orchestrator.measure.exchange import Figures
    from orchestrator.store.opening import take
    from orchestrator.store.reading import read_snapshot
    from orchestrator.study.elsewhere import take_in, write_request
    from orchestrator.study.outcome import publish
    from orchestrator.study.preparation import frozen_predictor

    taken = Figures.read(figures)
    read_snapshot(directory)  # refuses what is no study
    store = take(directory)
    try:
        config = from_frozen(store.frozen, name=store.name)
        predictor = frozen_predictor(store)
        if predictor is None:
            raise BadInputError(f"{directory}: the study has not begun", hint="archfront search comes first")
        imported = take_in(store, predictor, taken, source=figures)
        request = write_request(store, config, predictor)
        publish(store)
    finally:
        store.close()
    screen = console()
    others = f"; {count(imported.num_unknown, 'network')} of the file not in the study" if imported.num_unknown else ""
    screen.print(f"measured on {taken.conditions.device}: {count(len(imported.trials), 'trial')}{others}")
    if request is not None:
        screen.print(f"still to be measured there: {request}")


def _write_list(config: SearchConfig, path: Path) -> None:
    from orchestrator.measure.conditions import Setup
    from orchestrator.measure.exchange import Request
    from orchestrator.measure.profile import profiled_networks

    fitted, held_out = profiled_networks(config.space, config.task)
    Request(setup=Setup.of(config.latency, config.task), architectures=(*fitted, *held_out)).write(path)
    networks = count(len(fitted) + len(held_out), "network")
    console().print(f"{path}: {networks}; on {config.latency.device}: archfront measure {path}")


def _measured(config: SearchConfig) -> Figures:
    from orchestrator.measure.conditions import Setup, is_elsewhere
    from orchestrator.measure.exchange import Figures
    from orchestrator.measure.laboratory import Laboratory
    from orchestrator.measure.profile import profiled_networks

    setup = Setup.of(config.latency, config.task)
    if is_elsewhere(setup.device):
        raise BadInputError(
            f'latency.device = "{setup.device}": is not this machine',
            hint="write --list measure.json, take it there, archfront measure it, and give --from its figures",
        )
    fitted, held_out = profiled_networks(config.space, config.task)
    networks = (*fitted, *held_out)
    console().print(f"measuring {len(networks)} networks; nothing else should run for about a minute")
    with Laboratory.start(setup) as laboratory:
        latencies = laboratory.measure(networks)
        return Figures(networks=tuple(zip(networks, latencies, strict=True)), reference_ms=laboratory.reference_ms)
