"""Taking a network away: ``export`` writes it as a folder, ``verify`` tries such a folder anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from orchestrator.cli.choosing import Directory, Json
from orchestrator.cli.printing import console, print_json
from orchestrator.errors import ArchfrontError, BadInputError
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.export.verify import Check

_STYLES = {"holds": "green", "failed": "red", "left out": "yellow"}


def export(
    directory: Directory,
    *,
    to: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    trial: Annotated[int | None, typer.Option(help="Default: the most accurate on the front.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx.")] = False,
    pt2: Annotated[bool, typer.Option("--pt2", help="Also write model.pt2, torch's own program.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder where it exists.")] = False,
) -> None:
    """Write a trained architecture as a folder that another process has loaded and compared."""
    from orchestrator.export.network import Formats
    from orchestrator.export.trial import export_trial

    snapshot = read_snapshot(directory)
    record = _exportable(directory, snapshot, trial)
    paths = StudyPaths(directory).trial(record.number)
    exported = export_trial(snapshot, record, paths, to, formats=Formats(onnx=onnx, pt2=pt2), force=force)
    screen = console()
    screen.print(
        f"trial {record.number} ({record.family}, {record.num_parameters:,} parameters): {', '.join(exported.files)}"
    )
    print_checks(screen, exported.checks)
    screen.print(f"from orchestrator import load_model; model = load_model({str(exported.folder)!r})", style="dim")


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that export or train wrote.", show_default=False)
    ],
    *,
    pt2: Annotated[
        bool, typer.Option("--pt2", help="Run model.pt2, too: torch reads it with pickle, so trust its writer.")
    ] = False,
    json: Json = False,
) -> None:
    """Try everything that an exported folder claims: sums, counts, logits, the speed of its ONNX file.

    What this machine has no package for is left out.
    """
    from orchestrator.export.verify import Outcome, to_json, verify_folder

    checks = verify_folder(folder, is_trusted=pt2)
    if json:
        print_json(to_json(checks))
    else:
        print_checks(console(), checks)
    if failed := [check.subject for check in checks if check.outcome is Outcome.FAILED]:
        raise ArchfrontError(f"{folder}: {', '.join(failed)} failed", hint="export it again, or copy it again")


def print_checks(screen: Console, checks: Iterable[Check]) -> None:
    """One line each: what came of it, of what, the figures."""
    for check in checks:
        outcome = (f"{check.outcome:<8}", _STYLES[check.outcome])
        screen.print(Text.assemble("  ", outcome, f"  {check.subject:<17}  {check.detail}"), soft_wrap=True)


def _exportable(directory: Path, snapshot: StudySnapshot, trial: int | None) -> TrialRecord:
    from orchestrator.selector import best as best_of

    if trial is None:
        return best_of(snapshot.records, snapshot.objectives, snapshot.constraints).record
    if not 0 <= trial < len(snapshot.records):
        raise BadInputError(f"--trial {trial}: {directory} has trials 0 to {len(snapshot.records) - 1}")
    record = snapshot.records[trial]
    if record.accuracy is None:
        raise BadInputError(
            f"--trial {trial}: it is {record.state} and has no final weights",
            hint=f"archfront front {directory} lists those that have",
        )
    return record
