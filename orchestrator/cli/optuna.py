"""``archfront optuna``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.choosing import Directory
from orchestrator.cli.printing import console


def optuna(
    directory: Directory,
    *,
    to: Annotated[str, typer.Option(help="A database's address.", show_default=True)] = "sqlite:///optuna.db",
) -> None:
    """Write a study into an Optuna storage, for optuna-dashboard and other tools; again: in its place."""
    from orchestrator.store.reading import read_log, read_snapshot
    from orchestrator.suggest.optuna_storage import shown, write_storage

    count = write_storage(read_log(directory), read_snapshot(directory), to)
    screen = console()
    screen.print(f"{count:,} trials of {directory} in {shown(to)}", soft_wrap=True)
    screen.print(f"optuna-dashboard {shown(to)}", style="dim", soft_wrap=True)
