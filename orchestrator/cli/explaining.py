"""``archfront why``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.choosing import Directory, Json
from orchestrator.cli.printing import console, print_json
from orchestrator.errors import BadInputError

if TYPE_CHECKING:
    from orchestrator.explain import Explanation
    from orchestrator.store.reading import StudyLog

_ASK = "ask:"


def why(
    directory: Directory,
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="A trial's number, or ask:17 for a suggestion.", show_default=False)
    ],
    *,
    json: Json = False,
) -> None:
    """Say why a trial was suggested, stopped, refused or is not on the front."""
    from orchestrator.store.reading import read_log

    explanation = _explanation(read_log(directory), directory, trial)
    if json:
        print_json({**explanation.facts, "paragraph": explanation.paragraph})
        return
    console().print(explanation.paragraph)


def _explanation(log: StudyLog, directory: Path, trial: str) -> Explanation:
    from orchestrator.explain import explain_ask, explain_trial

    is_ask = trial.startswith(_ASK)
    text = trial.removeprefix(_ASK)
    if not (text.isascii() and text.isdigit()):
        raise BadInputError(f'TRIAL "{trial}": must be a number such as 17, or a suggestion such as ask:17')
    number, count = int(text), len(log.asks if is_ask else log.records)
    if number >= count:
        there = f"0 to {count - 1}" if count else "none yet"
        raise BadInputError(f"TRIAL {trial}: {directory} has {'suggestions' if is_ask else 'trials'} {there}")
    return explain_ask(log, number) if is_ask else explain_trial(log, number)
