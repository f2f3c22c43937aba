"""How figures, fronts and errors look on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.errors import ArchfrontError
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Constraint,
    Objective,
    format_quantity,
)
from orchestrator.records import TrialRecord
from orchestrator.report.wording import architecture as architecture_text
from orchestrator.report.wording import fields_that_differ
from orchestrator.report.wording import macs as macs_text
from orchestrator.report.wording import seeds as seeds_text
from orchestrator.selector.certainty import further_figures
from search_spaces.errors import ArchitectureError

STYLES = {"densenet": "cyan", "resnet": "magenta", "mobilenet": "yellow"}

ShownFields = Mapping[str, frozenset[str]]
"""Fields of an architecture that a table shows, by family."""

_FURTHER = {MACS: "MACs", FILE_BYTES: "file", PEAK_MEMORY_BYTES: "memory", THROUGHPUT_PER_S: "throughput"}
"""Columns of figures that not every study asks for."""


def print_error(error: ArchfrontError | ArchitectureError) -> None:
    """Message and way out, on standard error."""
    print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - the command line prints
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)  # noqa: T201


def print_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201


def print_json(value: Any) -> None:
    """One line for a program, on the real standard output: while trials run, Tune's is redirected."""
    import json

    print(json.dumps(value), file=sys.__stdout__, flush=True)


def console() -> Console:
    """Standard output; wide enough for a front where it is no terminal.

    Brackets are printed as they are: a path may hold them.
    """
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


def fields_by_family(architectures: Iterable[Mapping[str, Any]]) -> ShownFields:
    """Of each family, the fields in which its architectures differ: those that are worth a column."""
    of_family: dict[str, list[Mapping[str, Any]]] = {}
    for architecture in architectures:
        of_family.setdefault(architecture["family"], []).append(architecture)
    return {family: fields_that_differ(members) for family, members in of_family.items()}


def further_columns(objectives: Iterable[Objective], limits: Iterable[Constraint] = ()) -> tuple[str, ...]:
    """Figures that are optimised or limited, beside accuracy, parameters and latency, which every table shows."""
    names = dict.fromkeys([*(one.name for one in objectives), *(one.name for one in limits)])
    return tuple(name for name in names if name not in (ACCURACY, NUM_PARAMETERS, LATENCY_MS))


def front_table(
    members: Sequence[TrialRecord], shown: ShownFields, *, title: str, further: Sequence[str] = ()
) -> Table:
    """The front, most accurate first; ``further`` as ``further_columns`` gives it."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("family", no_wrap=True)
    table.add_column("architecture")
    has_seeds = any(record.seeds for record in members)
    numbers = ["parameters", *(_FURTHER[name] for name in further), "latency", "accuracy", "test"]
    for name in [*numbers, *(["further seeds"] if has_seeds else [])]:
        table.add_column(name, justify="right", no_wrap=True)
    for record in members:
        table.add_row(
            str(record.number),
            Text(record.family, style=STYLES.get(record.family, "")),
            short_form(record, shown),
            f"{record.num_parameters:,}",
            *(_further_text(record, name) for name in further),
            latency_text(record),
            "" if record.accuracy is None else f"{record.accuracy:.4f}",
            "" if record.test_accuracy is None else f"{record.test_accuracy:.4f}",
            *([seeds_text(record)] if has_seeds else []),
        )
    return table


def _further_text(record: TrialRecord, name: str) -> str:
    """``18.4 MB``; ``~1,240 /s`` where it is predicted; empty where nobody knows."""
    if name == MACS:
        return macs_text(record.macs)
    value = _further_values(record)[name]
    if value is None:
        return ""
    mark = "~" if name == THROUGHPUT_PER_S and record.throughput is None else ""
    return f"{mark}{format_quantity(name, value)}"


def _further_values(record: TrialRecord) -> dict[str, float | None]:
    """Figures that a trial may lack: it is older than they are, or its study does not ask for them."""
    measured = record.throughput
    return {
        FILE_BYTES: record.file_bytes,
        PEAK_MEMORY_BYTES: record.peak_memory_bytes,
        THROUGHPUT_PER_S: measured.images_per_s if measured is not None else record.predicted_throughput_per_s,
    }


def latency_text(record: TrialRecord) -> str:
    """``0.412 ms +-0.006`` where it was measured, ``~0.41 ms`` where it is predicted."""
    if record.latency is None:
        return f"~{record.predicted_latency_ms:.2f} ms"
    margin = (record.latency.high_ms - record.latency.low_ms) / 2
    mark = "?" if record.latency.is_contended else ""
    return f"{record.latency.median_ms:.3f} ms ±{margin:.3f}{mark}"


def short_form(record: TrialRecord, shown: ShownFields) -> str:
    """The fields that tell an architecture apart from others of its family, on one line."""
    return architecture_text(record.architecture, shown.get(record.family, frozenset()))


def record_json(record: TrialRecord) -> dict[str, Any]:
    """A trial for a program: what the tables show, unrounded."""
    latency, throughput = record.latency, record.throughput
    return {
        "trial": record.number,
        "state": record.state,
        "cause": record.cause,
        "family": record.family,
        "architecture_id": record.architecture_id,
        "architecture": dict(record.architecture),
        "num_parameters": record.num_parameters,
        "macs": record.macs,
        "latency_ms": record.latency_ms,
        "latency_interval_ms": [latency.low_ms, latency.high_ms] if latency else None,
        **_further_values(record),
        "throughput_interval_per_s": list(throughput.images_per_s_interval) if throughput else None,
        "accuracy": record.accuracy,
        "test_accuracy": record.test_accuracy,
        **further_figures(record),
    }
