"""``archfront submit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator import studies
from orchestrator.cli.files import Set, Study
from orchestrator.cli.printing import print_warnings
from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.submit.address import address_of
from orchestrator.submit.command import entrypoint, plain_command
from orchestrator.submit.places import check_places, inspect_from_afar
from orchestrator.submit.upload import Upload, argument_of, check, contents_of, upload_of

if TYPE_CHECKING:
    from orchestrator.submit.job import Job


def submit(
    study: Study,
    *,
    address: Annotated[
        str | None,
        typer.Option(help="The head's dashboard, such as http://head:8265. Default: $RAY_ADDRESS."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show what the study prints, and exit with its own code.")
    ] = False,
    trials: Annotated[int | None, typer.Option(help="How many trials, in place of budget.trials.")] = None,
    overrides: Set = [],  # noqa: B006 - typer reads it
    storage: Annotated[
        str | None, typer.Option(help="Where studies lie, for all nodes. Default: the head's $ARCHFRONT_STORAGE.")
    ] = None,
    takeover: Annotated[bool, typer.Option("--takeover", help="Take a study whose driver is dead.")] = False,
) -> None:
    """Search on a Ray cluster; the same command again resumes or extends the study.

    The cluster's token is taken from $RAY_AUTH_TOKEN, or from the file of $RAY_AUTH_TOKEN_PATH.
    """
    given = [*overrides, *([f"budget.trials={trials}"] if trials is not None else [])]
    config, place = _checked(study, given, storage), address_of(address)
    upload = upload_of(study, Path())
    argument = argument_of(study, upload)
    options = [word for item in given for word in ("--set", item)]
    options += ["--storage", storage] if storage is not None else []
    program = entrypoint(argument, [*options, *(["--takeover"] if takeover else [])])
    _say(plain_command(place, program, upload, follow=follow))
    raise typer.Exit(_run(config.study.name, place, program, upload, argument=argument, follow=follow))


def _checked(study: str, overrides: list[str], storage: str | None) -> SearchConfig:
    """Everything that can be refused from here is refused before anything is sent."""
    shipped = {name: studies.read(name) for name in studies.names()}
    loaded = load(study, overrides, inspect=inspect_from_afar, shipped=shipped)
    print_warnings([*loaded.warnings, *check_places(loaded.config, storage)])
    return loaded.config


def _run(
    name: str, address: str, program: tuple[str, ...], upload: Upload | None, *, argument: str, follow: bool
) -> int:
    from orchestrator.submit import job

    job.prepare_environment()
    if upload is not None:
        contents = contents_of(upload)
        check(contents, argument)
        _say(f"to upload: {contents}")
    submitted = job.submit(address, program, upload, study=name)
    _say(f"job {submitted.name} is submitted")
    if follow:
        return _follow(submitted, address)
    submitted.wait_for_start()
    _say(_next_steps(submitted, address))
    return 0


def _follow(submitted: Job, address: str) -> int:
    try:
        return submitted.follow(_write)
    except KeyboardInterrupt:
        _say(f"the job goes on\n{_next_steps(submitted, address)}")
        raise


def _next_steps(submitted: Job, address: str) -> str:
    rest = f"--address {address} {submitted.name}"
    return f"its log    ray job logs --follow {rest}\nstop it    ray job stop {rest}\ngo on      the same command again"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard output is the study's own


def _write(text: str) -> None:
    print(text, end="", flush=True)  # noqa: T201
