"""What every benchmark states beside its figures: the machine, the versions, the commit; and how it prints them."""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrator import provenance


def parser(description: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--quick", action="store_true", help="one short repetition, to see that it runs")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the machine to a file")
    return options


def publish(title: str, rows: Sequence[dict[str, Any]], *, to: Path | None) -> None:
    """Prints one table, and writes the same as JSON."""
    machine = provenance.collect()
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    screen = Console(highlight=False, width=140)
    screen.print(table)
    screen.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim")
    if to is not None:
        to.write_text(json.dumps({"title": title, "rows": list(rows), "machine": machine}, indent=1) + "\n")


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median with its bootstrap 95 % interval."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(2000))
    return statistics.median(values), medians[50], medians[1949]
