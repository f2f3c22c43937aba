"""Commands that need a study's directory and nothing else: ``front``, ``best``, ``report``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.printing import (
    console,
    fields_by_family,
    front_table,
    further_columns,
    print_json,
    record_json,
)
from orchestrator.errors import BadInputError
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Constraint,
    parse_constraint,
)
from orchestrator.records import StudySnapshot
from orchestrator.selector import Policy, Selection
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_snapshot
from orchestrator.store.remote_study import open_directory


def complete_study_directory(incomplete: str) -> list[str]:
    """For the shell: folders that hold a study, or that lead to one."""
    head, _, last = incomplete.rpartition("/")
    parent = Path(f"{head}/" if head or incomplete.startswith("/") else ".")
    try:
        folders = sorted(path for path in parent.iterdir() if path.name.startswith(last) and path.is_dir())
    except OSError:
        return []
    shown = [path for path in folders if last.startswith(".") or not path.name.startswith(".")]
    return [str(path) if (path / "study.db").exists() else f"{path}/" for path in shown]


Directory = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A study's directory, such as runs/digits, or the address of a remote one.",
        show_default=False,
        parser=open_directory,
        autocompletion=complete_study_directory,
    ),
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
    further = further_columns(snapshot.objectives, snapshot.constraints)
    title = f"{snapshot.name}: {len(members)} on the front"
    console().print(front_table(members, shown, title=title, further=further))


def best(
    directory: Directory,
    *,
    max_params: Annotated[str, typer.Option(help='Such as "100k" or "1M".')] = "",
    max_latency: Annotated[str, typer.Option(help='Such as "2 ms".')] = "",
    max_macs: Annotated[str, typer.Option(help='Such as "5M".')] = "",
    max_file: Annotated[str, typer.Option(help='Of the file of weights, such as "5 MB".')] = "",
    max_memory: Annotated[str, typer.Option(help='Of inference, such as "20 MB".')] = "",
    min_throughput: Annotated[str, typer.Option(help='Images a second, such as "500 /s".')] = "",
    min_accuracy: Annotated[str, typer.Option(help='Such as "0.97" or "97 %".')] = "",
    policy: Annotated[Policy, typer.Option(help="What to take from the front inside the limits.")] = Policy.ACCURATE,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say what the others would give, and who lost to whom.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the best architecture inside limits, and the runner-up."""
    from orchestrator.explain.choice import choice_of, sentences, to_json

    snapshot = read_snapshot(directory)
    options = {
        "--max-params": (NUM_PARAMETERS, max_params),
        "--max-latency": (LATENCY_MS, max_latency),
        "--max-macs": (MACS, max_macs),
        "--max-file": (FILE_BYTES, max_file),
        "--max-memory": (PEAK_MEMORY_BYTES, max_memory),
        "--min-throughput": (THROUGHPUT_PER_S, min_throughput),
        "--min-accuracy": (ACCURACY, min_accuracy),
    }
    limits = [read_limit(option, name, text) for option, (name, text) in options.items() if text]
    choice = choice_of(snapshot, limits, policy)
    if json:
        print_json(_selection_json(choice.selection) | (to_json(choice) if explain else {}))
        return
    screen = console()
    _print_selection(screen, snapshot, choice.selection, limits)
    for line in sentences(choice) if explain else ():
        screen.print(line, soft_wrap=True)
    command = f"archfront export {shlex.quote(str(directory))} --trial {choice.selection.record.number} --to FOLDER"
    screen.print(command, style="dim", soft_wrap=True)


def read_limit(called: str, name: str, value: str | float) -> Constraint:
    """A limit on a figure; ``called`` is what a person knows it by.

    Raises:
        BadInputError: it can't be read.
    """
    try:
        return parse_constraint(name, value)
    except ValueError as error:
        shown = f'"{value}"' if isinstance(value, str) else value
        raise BadInputError(f"{called} {shown}: {error}") from error


def _print_selection(
    screen: Console, snapshot: StudySnapshot, selection: Selection, limits: Sequence[Constraint]
) -> None:
    chosen = [selection.record] if selection.runner_up is None else [selection.record, selection.runner_up]
    shown = fields_by_family(record.architecture for record in snapshot.records)
    further = further_columns(snapshot.objectives, [*snapshot.constraints, *limits])
    screen.print(front_table(chosen, shown, title=f"trial {selection.record.number}", further=further))
    screen.print(selection.why)


def report(
    directory: Directory,
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            help="report.html, front.svg, front.png or front.md: the suffix says the form. "
            "Default: report.html in the study's directory."
        ),
    ] = None,
) -> None:
    """Write the study's report: one HTML file that needs no network, or its front as a picture or a table."""
    from orchestrator.report import save
    from orchestrator.tracking.views import links

    path = to or StudyPaths(directory).report
    save(read_snapshot(directory), path, {f"{link.title} in MLflow": link.url for link in links(directory)})
    console().print(str(path), soft_wrap=True)


def _selection_json(selection: Selection) -> dict[str, object]:
    return {
        "best": record_json(selection.record),
        "policy": selection.policy,
        "runner_up": record_json(selection.runner_up) if selection.runner_up else None,
        "why": selection.why,
    }
