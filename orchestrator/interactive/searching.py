"""``orchestrator.search``: the command line in a process of its own, so that it can be called from anywhere.

A search takes signals, environment variables, torch's threads and Ray's processes; none of that belongs into a
notebook's kernel or into a thread of somebody's program. Its progress is printed as it comes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from orchestrator.cli.files import load_study
from orchestrator.cli.searching import place_of
from orchestrator.errors import (
    ArchfrontError,
    BadInputError,
    InterruptedStudyError,
    NothingFeasibleError,
)
from orchestrator.interactive.study import Study

GRACE_S = 15.0
"""An interrupted search checkpoints and is gone within 10 s."""

_ERRORS: dict[int, type[ArchfrontError]] = {
    error.exit_code: error for error in (ArchfrontError, BadInputError, NothingFeasibleError, InterruptedStudyError)
}


def search(
    study: str | os.PathLike[str],
    *,
    trials: int | None = None,
    overrides: Sequence[str] = (),
    storage: str | os.PathLike[str] | None = None,
    address: str | None = None,
    quiet: bool = False,
) -> Study:
    """Searches for the Pareto front; the same call again resumes or extends the study.

    An interrupt (Ctrl-C, a notebook's stop button) lets running trials checkpoint and is then raised as
    ``KeyboardInterrupt``.

    Args:
        study: a study file, or the name of a shipped study.
        trials: how many, in place of ``budget.trials``.
        overrides: such as ``recipe.epochs=4``, in place of what the file says.
        storage: where studies lie; else ``$ARCHFRONT_STORAGE``, else ``runs`` here.
        address: of a Ray cluster; else ``$RAY_ADDRESS``, else a Ray of the study's own.
        quiet: print nothing.

    Raises:
        ConfigError: the study file can't be used.
        BadInputError: another driver holds the study, or it was made with other settings.
        NothingFeasibleError: no architecture met the constraints.
        InterruptedStudyError: it was stopped from elsewhere, and goes on when this is called again.
    """
    given = [*overrides, *([f"budget.trials={trials}"] if trials is not None else [])]
    config = load_study(os.fspath(study), given).config
    options = {"--storage": storage, "--address": address}
    arguments = [os.fspath(study), *(word for text in given for word in ("--set", text))]
    arguments += [word for name, value in options.items() if value is not None for word in (name, os.fspath(value))]
    _run(["search", *arguments], quiet=quiet)
    return Study(place_of(os.fspath(storage) if storage is not None else None, config.study.name).root)


def _run(arguments: Sequence[str], *, quiet: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.interactive.leash", *arguments],
        env=_environment(),
        stdin=subprocess.PIPE,  # open for as long as this process lives
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C in a terminal comes through here, once
    )
    said: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, said), name="search-errors", daemon=True)
    reader.start()
    try:
        _echo(process, quiet=quiet)
        code = process.wait()
    except BaseException:  # also what a notebook raises in the middle of a line
        _interrupt(process)
        raise
    finally:
        reader.join(1.0)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
    if code:
        raise _error(code, said)


def _echo(process: subprocess.Popen[str], *, quiet: bool) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if not quiet:
            print(line, end="", flush=True)  # noqa: T201 - what a person in a notebook waits for


def _interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C would; a second interrupt meanwhile ends it at once."""
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    rest = threading.Thread(target=process.stdout.read, name="search-rest", daemon=True)  # a full pipe would hold it
    rest.start()
    try:
        process.wait(GRACE_S)
    except BaseException as error:
        process.terminate()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
    finally:
        rest.join(1.0)


def _collect(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stderr is not None
    with process.stderr as lines:
        said += lines


def _error(code: int, said: Sequence[str]) -> ArchfrontError:
    """What the command line said at its end, as the error that it stands for."""
    text = re.split(r"^error: ", "".join(said), flags=re.MULTILINE)[-1].strip()
    message, _, hint = text.rpartition("\n  ")
    return _ERRORS.get(code, ArchfrontError)(message or hint or f"the search ended with exit code {code}", hint=hint)


def _environment() -> dict[str, str]:
    """So that the process finds the packages that this one has, also in a checkout that is not installed."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH", "")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root}
