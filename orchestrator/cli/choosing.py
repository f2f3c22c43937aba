"""Commands that need a study's directory and nothing else: ``front``, ``best``, ``report``, ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.printing import console, fields_by_family, front_table, print_json, record_json
from orchestrator.errors import BadInputError
from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS, Constraint, parse_constraint
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.selector import Policy, Selection
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="A study's directory, such as runs/digits.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def front(directory: Directory, *, json: Json = False) -> None:
    """Print the Pareto front of a study."""
    from orchestrator.selector import front as front_of

    snapshot = read_snapshot(directory)
    members = front_of(snapshot.records, snapshot.objectives, snapshot.constraints)
    if json:
        print_json([record_json(record) for record in members])
        return
    if not members:
        raise BadInputError(
            f"{directory}: no trial has completed yet", hint=f"archfront search {snapshot.name} goes on with it"
        )
    shown = fields_by_family(record.architecture for record in snapshot.records)
    console().print(front_table(members, shown, title=f"{snapshot.name}: {len(members)} on the front"))


def best(
    directory: Directory,
    *,
    max_params: Annotated[str, typer.Option(help='Such as "100k" or "1M".')] = "",
    max_latency: Annotated[str, typer.Option(help='Such as "2 ms".')] = "",
    max_macs: Annotated[str, typer.Option(help='Such as "5M".')] = "",
    min_accuracy: Annotated[str, typer.Option(help='Such as "0.97" or "97 %".')] = "",
    policy: Annotated[Policy, typer.Option(help="What to take from the front inside the limits.")] = Policy.ACCURATE,
    json: Json = False,
) -> None:
    """Print the best architecture inside limits, and the runner-up."""
    from orchestrator.selector import best as best_of

    snapshot = read_snapshot(directory)
    options = {
        "--max-params": (NUM_PARAMETERS, max_params),
        "--max-latency": (LATENCY_MS, max_latency),
        "--max-macs": (MACS, max_macs),
        "--min-accuracy": (ACCURACY, min_accuracy),
    }
    limits = [_limit(option, name, text) for option, (name, text) in options.items() if text]
    selection = best_of(snapshot.records, snapshot.objectives, [*snapshot.constraints, *limits], policy)
    if json:
        print_json(_selection_json(selection))
        return
    chosen = [selection.record] if selection.runner_up is None else [selection.record, selection.runner_up]
    screen = console()
    shown = fields_by_family(record.architecture for record in snapshot.records)
    screen.print(front_table(chosen, shown, title=f"trial {selection.record.number}"))
    screen.print(selection.why)
    screen.print(f"[dim]archfront export {directory} --trial {selection.record.number} --to FOLDER[/]")


def report(
    directory: Directory,
    *,
    to: Annotated[Path | None, typer.Option(help="Default: report.html in the study's directory.")] = None,
) -> None:
    """Write the study's report, one HTML file that needs no network."""
    from orchestrator.report import render
    from orchestrator.storage import write_bytes

    path = to or StudyPaths(directory).report
    write_bytes(path, render(read_snapshot(directory)).encode())
    console().print(str(path))


def export(
    directory: Directory,
    *,
    to: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    trial: Annotated[int | None, typer.Option(help="Default: the most accurate on the front.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder where it exists.")] = False,
) -> None:
    """Write a trained architecture as a folder that proves itself when it is loaded."""
    from orchestrator.export.trial import export_trial

    snapshot = read_snapshot(directory)
    record = _exportable(directory, snapshot, trial)
    model = StudyPaths(directory).trial(record.number).model
    exported = export_trial(snapshot, record, model, to, onnx=onnx, force=force)
    screen = console()
    screen.print(
        f"trial {record.number} ({record.family}, {record.num_parameters:,} parameters): {', '.join(exported.files)}"
    )
    for line in exported.checks:
        screen.print(f"  {line}")
    screen.print(f"[dim]from orchestrator import load_model; model = load_model({str(exported.folder)!r})[/]")


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


def _limit(option: str, name: str, text: str) -> Constraint:
    try:
        return parse_constraint(name, text)
    except ValueError as error:
        raise BadInputError(f'{option} "{text}": {error}') from error


def _selection_json(selection: Selection) -> dict[str, object]:
    return {
        "best": record_json(selection.record),
        "policy": selection.policy,
        "runner_up": record_json(selection.runner_up) if selection.runner_up else None,
        "why": selection.why,
    }
