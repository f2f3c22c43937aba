"""``archfront search``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.display import Display, JsonDisplay, LineDisplay
from orchestrator.cli.files import Set, Study, load_study
from orchestrator.cli.live import LiveDisplay
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import InterruptedStudyError
from orchestrator.storage.places import Place, runs_folder
from orchestrator.study.fork import forked
from orchestrator.study.options import RunOptions

STORAGE = "ARCHFRONT_STORAGE"


def search(
    study: Study,
    *,
    trials: Annotated[int | None, typer.Option(help="How many trials, in place of budget.trials.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Train each finalist from so many further seeds.")] = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train finalists anew on training and validation images, for export.")
    ] = False,
    workers_per_trial: Annotated[int | None, typer.Option(help="Processes that train one network together.")] = None,
    overrides: Set = [],  # noqa: B006 - typer reads it
    storage: Annotated[
        str | None,
        typer.Option(help=f"Where studies lie: a folder, s3://, gs://, az://. Default: ${STORAGE}, else runs/."),
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
    if seeds is not None:
        given.append(f"confirm.seeds={seeds}")
    if retrain:
        given.append("confirm.retrain=true")
    if workers_per_trial is not None:
        given.append(f"resources.workers_per_trial={workers_per_trial}")
    config = load_study(study, given).config
    if fork is not None:
        config = forked(config, fork, place_of(storage, config.study.name).parent)
    place = place_of(storage, config.study.name)
    options = RunOptions(
        root=place.root,
        url=place.url,
        is_root_given=storage is not None or STORAGE in os.environ,
        address=address,
        takeover=takeover,
        command=f"archfront {shlex.join(sys.argv[1:])}",
    )
    display = _display(json=json)
    with display.shown(config, place):
        try:
            _run(config, options, display)
        except InterruptedStudyError as error:
            error.hint = error.hint or f"resume with: {options.command}"
            raise


def place_of(given: str | None, name: str) -> Place:
    """Where a study of this name lies."""
    return Place.of(_storage(given), name)


def storage_of(given: str | None) -> Path:
    """Where this machine has the directories of studies, and what they share: profiles, and MLflow's database."""
    return runs_folder(_storage(given))


def _storage(given: str | None) -> str:
    """``--storage``, else ``$ARCHFRONT_STORAGE``, else ``runs/`` here; never a Ray job's folder: it is thrown away."""
    if given is not None:
        return given
    if STORAGE in os.environ:
        return os.environ[STORAGE]
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return str(Path.home() / ".local" / "share" / "archfront" / "runs")
    return "runs"


def _run(config: SearchConfig, options: RunOptions, display: Display) -> None:
    from orchestrator.runtime.connection import address_of, prepare_environment

    prepare_environment(address_of(options.address))
    from orchestrator.study.run import run

    run(config, options, display)


def _display(*, json: bool) -> Display:
    if json:
        return JsonDisplay()
    return LiveDisplay() if sys.stdout.isatty() else LineDisplay()
