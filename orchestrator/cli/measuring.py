"""Commands around latency: ``profile``, ``measure``, ``import-latency``."""

from __future__ import annotations

from collections.abc import Iterator
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
    from orchestrator.measure.conditions import Setup
    from orchestrator.measure.exchange import Figures
    from orchestrator.measure.profile import DeviceProfile
    from orchestrator.records import LatencyConditions


def profile(
    study: Study,
    *,
    overrides: Set = [],  # noqa: B006 - typer reads it
    storage: Annotated[
        str | None, typer.Option(help=f"Where studies find it. Default: ${STORAGE}, else runs/ here.")
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
    if write_list is not None and figures is not None:
        raise BadInputError("--list and --from are two steps", hint="--list first, then --from its figures")
    if write_list is not None:
        _write_lists(config, write_list)
        return
    from orchestrator.measure.profile import fit_profile, write_profile

    for taken in [_figures_of(figures, config)] if figures is not None else _measured(config):
        found = fit_profile(taken, config.space, config.task)
        _print_profile(found, write_profile(found, storage_of(storage)), num_networks=len(taken.networks))


def measure(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="measure.json of a study, exported folders, architectures.")
    ],
    *,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("figures.json"),
    device: Annotated[str, typer.Option(help="What [latency] device calls this machine.")] = "cpu",
    runtime: Annotated[Runtime, typer.Option(help="How the networks run.")] = Runtime.FOLDED,
    threads: Annotated[int, typer.Option(min=1, help="That the network computes with.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 1,
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
    from orchestrator.measure.forecast import Forecast
    from orchestrator.store.opening import take
    from orchestrator.store.reading import read_snapshot
    from orchestrator.study.elsewhere import take_in, write_requests
    from orchestrator.study.outcome import publish

    taken = Figures.read(figures)
    read_snapshot(directory)  # refuses what is no study
    store = take(directory)
    try:
        config = from_frozen(store.frozen, name=store.name)
        forecast = Forecast.from_dict(store.constants)
        if forecast is None:
            raise BadInputError(f"{directory}: the study has not begun", hint="archfront search comes first")
        imported = take_in(store, forecast, taken, source=figures)
        requests = write_requests(store, config, forecast)
        publish(store)
    finally:
        store.close()
    screen = console()
    others = f"; {count(imported.num_unknown, 'network')} of the file not in the study" if imported.num_unknown else ""
    screen.print(f"measured on {taken.conditions.device}: {count(len(imported.trials), 'trial')}{others}")
    for request in requests:
        screen.print(f"still to be measured there: {request}")


def _figures_of(path: Path, config: SearchConfig) -> Figures:
    """The figures of a file, which must be what the study asks for: no other study's profile is to be made of them."""
    from orchestrator.measure.conditions import answers
    from orchestrator.measure.exchange import Figures
    from orchestrator.measure.forecast import setups_of
    from orchestrator.objectives import LATENCY_MS

    taken, setups = Figures.read(path), setups_of(config)
    if any(answers(taken.conditions, setup) for setup in setups.values()):
        return taken
    raise BadInputError(
        f"{path}: measured under other conditions than the study's: {_unlike(taken.conditions, setups[LATENCY_MS])}",
        hint="measure what --list writes for this study, on its [latency] device",
    )


def _unlike(found: LatencyConditions, wanted: Setup) -> str:
    """What differs, or could: a machine's own name and versions are told only where the study asks for nothing else."""
    device, _, processor = found.device.partition(": ")
    pairs = [("device", device, wanted.device)]
    names = ("runtime", "num_threads", "batch_size", "input_shape")
    pairs += [(name, str(getattr(found, name)), str(getattr(wanted, name))) for name in names]
    told = [f"{name} {one}, not {other}" for name, one, other in pairs if one != other]
    return "; ".join(told) or f"{processor}, or its software, is not what this machine has"


def _print_profile(found: DeviceProfile, path: Path, *, num_networks: int) -> None:
    from orchestrator.measure.profile import MAX_MEAN_ERROR, MIN_RANK_CORRELATION

    predictor, conditions, screen = found.predictor, found.conditions, console()
    how = f"{found.num_held_out} held out" if found.num_held_out else "each left out in turn"
    screen.print(
        f"{conditions.device}, {conditions.runtime}, {count(conditions.batch_size, 'image')} at a time: "
        f"{predictor.num_references} networks, {how}"
    )
    screen.print(f"  mean error       {predictor.mean_error:.1%} (goal: at most {MAX_MEAN_ERROR:.0%})")
    screen.print(f"  19 of 20 within  {predictor.error_95:.1%}")
    screen.print(f"  rank correlation {predictor.rank_correlation:.4f} (goal: at least {MIN_RANK_CORRELATION})")
    if found.num_contended:
        screen.print(f"  contended        {found.num_contended} of {num_networks}: something else was running")
    screen.print(str(path))
    if not found.is_good:
        screen.print("the goals are missed: profile again while nothing else runs", style="yellow")


def _write_lists(config: SearchConfig, path: Path) -> None:
    """One file for each figure that is timed: all in a file is measured with one batch size."""
    from orchestrator.measure.exchange import Request
    from orchestrator.measure.forecast import setups_of
    from orchestrator.measure.profile import profiled_networks
    from orchestrator.objectives import LATENCY_MS

    fitted, held_out = profiled_networks(config.space, config.task)
    networks = count(len(fitted) + len(held_out), "network")
    for name, setup in setups_of(config).items():
        file = path if name == LATENCY_MS else path.with_stem(f"{path.stem}-throughput")
        Request(setup=setup, architectures=(*fitted, *held_out)).write(file)
        console().print(f"{file}: {networks}; on {config.latency.device}: archfront measure {file}")


def _measured(config: SearchConfig) -> Iterator[Figures]:
    from orchestrator.measure.conditions import is_elsewhere
    from orchestrator.measure.exchange import Figures
    from orchestrator.measure.forecast import setups_of
    from orchestrator.measure.laboratory import Laboratory
    from orchestrator.measure.profile import profiled_networks

    if is_elsewhere(config.latency.device):
        raise BadInputError(
            f'latency.device = "{config.latency.device}": is not this machine',
            hint="write --list measure.json, take it there, archfront measure it, and give --from its figures",
        )
    fitted, held_out = profiled_networks(config.space, config.task)
    networks = (*fitted, *held_out)
    for setup in setups_of(config).values():
        batch = count(setup.batch_size, "image")
        console().print(f"measuring {len(networks)} networks, {batch} at a time; nothing else should run for a minute")
        with Laboratory.start(setup) as laboratory:
            latencies = laboratory.measure(networks)
            yield Figures(networks=tuple(zip(networks, latencies, strict=True)), reference_ms=laboratory.reference_ms)
