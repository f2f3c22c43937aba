"""The command line: one place where errors become messages and exit codes."""

from __future__ import annotations

import errno
import io
import logging
import sys
import warnings
from importlib import metadata
from typing import Annotated

import typer

from orchestrator.cli import (
    choosing,
    comparing,
    data,
    describing,
    explaining,
    exporting,
    files,
    measuring,
    mending,
    optuna,
    planning,
    replaying,
    searching,
    simulating,
    submitting,
    training,
    ui,
    watching,
)
from orchestrator.cli.printing import print_error
from orchestrator.errors import ArchfrontError, BadInputError, InterruptedStudyError, StorageError
from search_spaces.errors import ArchitectureError

EPILOG = "Exit codes: 0 done, 1 failed, 2 bad input, 3 nothing feasible, 4 interrupted and resumable."

app = typer.Typer(
    name="archfront",
    help="Searches DenseNet, ResNet and MobileNet for the Pareto front of accuracy against parameters and latency.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if is_asked:
        print(f"archfront {metadata.version('archfront')}")  # noqa: T201 - the command line prints
        raise typer.Exit


@app.callback()
def _archfront(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before every command."""


app.command(name="search", epilog="Example: archfront search digits --trials 40")(searching.search)
app.command(name="submit", epilog="Example: archfront submit study.toml --address http://head:8265 --follow")(
    submitting.submit
)
app.command(name="plan", epilog="Example: archfront plan study.toml")(planning.plan)
app.command(name="validate", epilog="Example: archfront validate study.toml")(files.validate)
app.command(name="init", epilog="Example: archfront init study.toml")(files.init)
app.command(name="schema", epilog="Example: archfront schema > study.schema.json")(files.schema)
app.command(name="profile", epilog="Example: archfront profile study.toml")(measuring.profile)
app.command(name="measure", epilog="Example: archfront measure measure.json --to figures.json")(measuring.measure)
app.command(name="import-latency", epilog="Example: archfront import-latency runs/digits figures.json")(
    measuring.import_latency
)
app.command(name="describe", epilog="Example: archfront describe densenet121 --image-size 224")(describing.describe)
app.command(name="simulate", epilog="Example: archfront simulate study.toml --table results.parquet --workers 16")(
    simulating.simulate
)
app.command(name="replay", epilog="Example: archfront replay runs/digits")(replaying.replay)
app.add_typer(data.app, name="data", help="Look at a data set, or pack images into Parquet files.")
app.command(name="front", epilog="Example: archfront front runs/digits")(choosing.front)
app.command(name="best", epilog='Example: archfront best runs/digits --max-params 100k --max-latency "2 ms"')(
    choosing.best
)
app.command(name="why", epilog="Example: archfront why runs/digits 17")(explaining.why)
app.command(name="status", epilog="Example: archfront status runs/digits --watch")(watching.status)
app.command(name="compare", epilog="Example: archfront compare runs/digits runs/pairs")(comparing.compare)
app.command(name="ui", epilog="Example: archfront ui runs/digits")(ui.ui)
app.command(name="report", epilog="Example: archfront report runs/digits")(choosing.report)
app.command(name="export", epilog="Example: archfront export runs/digits --to exported --onnx")(exporting.export)
app.command(name="verify", epilog="Example: archfront verify exported")(exporting.verify)
app.command(name="optuna", epilog="Example: archfront optuna runs/digits --to sqlite:///optuna.db")(optuna.optuna)
app.command(name="repair", epilog="Example: archfront repair runs/digits")(mending.repair)
app.command(name="sync", epilog="Example: archfront sync runs/digits")(mending.sync)
app.command(name="train", epilog="Example: archfront train densenet121 --data cifar10:data --pretrained IMAGENET1K_V1")(
    training.train
)
app.command(name="evaluate", epilog="Example: archfront evaluate trained/densenet121-cifar10")(training.evaluate)


def run() -> int:
    """Runs the command of ``sys.argv`` and returns its exit code."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets ? for what it can't show
    try:
        app(prog_name="archfront")  # a driver runs as python -m orchestrator, which is nothing that a person typed
    except SystemExit as done:  # how typer ends, also after a usage error (2)
        return done.code if isinstance(done.code, int) else 0
    except ArchfrontError as error:
        print_error(error)
        return error.exit_code
    except ArchitectureError as error:
        print_error(error)
        return BadInputError.exit_code
    except OSError as error:
        told = _in_words(error)
        if told is None:
            raise
        print_error(told)
        return told.exit_code
    except KeyboardInterrupt:
        return InterruptedStudyError.exit_code
    return 0


def _in_words(error: OSError) -> ArchfrontError | None:
    """What any command may meet: pathlib asks the disk, and raises where a name can't be one; output goes anywhere."""
    if error.errno == errno.ENAMETOOLONG:
        return BadInputError(f"{str(error.filename)[:60]}...: is too long for a path")
    if error.errno == errno.ENOSPC:
        return StorageError(f"{error.filename or 'standard output'}: {error.strerror}", hint="make room")
    return None
