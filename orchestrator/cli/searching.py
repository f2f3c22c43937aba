"""``archfront search``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.display import Display, JsonDisplay, LineDisplay, LiveDisplay
from orchestrator.cli.files import Set, Study, load_study
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import InterruptedStudyError
from orchestrator.study.fork import forked
from orchestrator.study.options import RunOptions

STORAGE = "ARCHFRONT_STORAGE"


def search(
    study: Study,
    *,
    trials: Annotated[int | None, typer.Option(help="How many trials, in place of budget.trials.")] = None,
    workers_per_trial: Annotated[int | None, typer.Option(help="Processes that train one network together.")] = None,
    overrides: Set = [],  # noqa: B006 - typer reads it
    storage: Annotated[
        Path | None, typer.Option(help=f"Where studies lie. Default: ${STORAGE}, else runs/ here.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster. Default: $RAY_ADDRESS, else one of its own.")
    ] = None,
    fork: Annotated[
        str | None, typer.Option(metavar="NAME", help="Make a new study of the file, from what the file's study found.")
    ] = None,
    takeover: Annotated[bool, typer.Option("--takeover", help="Take a study whose driver is dead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line for a program.")] = False,
) -> None:
    """Search for the Pareto front; the same command again resumes or extends the study."""
    given = list(overrides)
    if trials is not None:
        given.append(f"budget.trials={trials}")
    if workers_per_trial is not None:
        given.append(f"resources.workers_per_trial={workers_per_trial}")
    config, runs = load_study(study, given).config, storage_of(storage)
    if fork is not None:
        config = forked(config, fork, runs)
    options = RunOptions(
        root=runs / config.study.name,
        is_root_given=storage is not None or STORAGE in os.environ,
        address=address,
        takeover=takeover,
    )
    display = _display(json=json)
    with display.shown(config, options.root):
        try:
            _run(config, options, display)
        except InterruptedStudyError as error:
            error.hint = error.hint or f"resume with: archfront {shlex.join(sys.argv[1:])}"
            raise


def storage_of(given: Path | None) -> Path:
    """``--storage``, else ``$ARCHFRONT_STORAGE``, else ``runs/`` here; never a Ray job's folder: it is thrown away."""
    if given is not None:
        return given
    if STORAGE in os.environ:
        return Path(os.environ[STORAGE])
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return Path.home() / ".local" / "share" / "archfront" / "runs"
    return Path("runs")


def _run(config: SearchConfig, options: RunOptions, display: Display) -> None:
    from orchestrator.runtime.connection import address_of, prepare_environment

    prepare_environment(address_of(options.address))
    from orchestrator.study.run import run

    run(config, options, display)


def _display(*, json: bool) -> Display:
    if json:
        return JsonDisplay()
    return LiveDisplay() if sys.stdout.isatty() else LineDisplay()
