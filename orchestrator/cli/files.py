"""Commands around the study file: ``validate``, ``plan``, ``init``, ``schema``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import studies
from orchestrator.cli.printing import console, print_json, print_warnings
from orchestrator.config.loading import Loaded, load
from orchestrator.config.settings import Budget
from orchestrator.data.catalog import inspect
from orchestrator.errors import BadInputError

Study = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file, or the name of a shipped study.", show_default=False)
]
Set = Annotated[list[str], typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Override one setting; repeatable.")]


def load_study(study: str, overrides: Sequence[str] = ()) -> Loaded:
    """Reads a study file and prints its warnings."""
    loaded = load(study, overrides, inspect=inspect, shipped={name: studies.read(name) for name in studies.names()})
    print_warnings(loaded.warnings)
    return loaded


def validate(study: Study, *, overrides: Set = []) -> None:  # noqa: B006 - typer reads it
    """Check a study file; prints all its problems at once."""
    loaded = load_study(study, overrides)
    console().print(f"{loaded.source}: a valid study of {loaded.config.space.num_points:,.0f} architectures")


def plan(
    study: Study,
    *,
    overrides: Set = [],  # noqa: B006
    address: Annotated[str | None, typer.Option(help="A Ray cluster to plan for; default: this machine.")] = None,
) -> None:
    """Print what a study would do, without training anything."""
    from orchestrator.planning import layout_of, spread

    config = load_study(study, overrides).config
    costs = spread(config)
    layout = layout_of(config, address)
    screen = console()
    screen.print(f"[bold]{config.study.name}[/]: {costs.num_points:,.0f} points, {costs.feasible_share:.0%} feasible")
    for name, values in (("parameters", costs.num_parameters), ("MACs", costs.macs)):
        screen.print(f"  {name:<11} {values[0]:>12,.0f} least {values[1]:>14,.0f} median {values[2]:>14,.0f} most")
    screen.print(f"  trials      {config.budget.trials} of at most {config.recipe.epochs} epochs; {layout}")
    ends = _other_ends(config.budget)
    if ends:
        screen.print(f"  ends        earlier after {' or '.join(ends)}")


def _other_ends(budget: Budget) -> list[str]:
    """What may end the search before its trials are spent."""
    texts = {
        budget.wall_time: bool(budget.wall_time),
        f"{budget.gpu_hours:g} GPU-hours": budget.gpu_hours > 0,
        f"{budget.patience:,} trials that gain nothing": budget.patience > 0,
    }
    return [text for text, is_given in texts.items() if is_given]


def init(path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("study.toml")) -> None:
    """Write a commented study file to start from."""
    if path.exists():
        raise BadInputError(f"{path}: exists", hint="give another name")
    path.write_text(studies.read("digits"), encoding="utf-8")
    console().print(f"{path} is written; archfront search {path} runs it")


def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from orchestrator.config.schema import json_schema

    print_json(json_schema())
