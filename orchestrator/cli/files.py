"""Commands around the study file: ``validate``, ``init``, ``schema``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import studies
from orchestrator.cli.printing import console, print_json, print_warnings
from orchestrator.config.loading import Loaded, load
from orchestrator.data.catalog import DIGITS_TASK, inspect
from orchestrator.errors import BadInputError


def complete_study(incomplete: str) -> list[str]:
    """For the shell: shipped studies, study files, and folders that may lead to one."""
    head, _, last = incomplete.rpartition("/")
    parent = Path(f"{head}/" if head or incomplete.startswith("/") else ".")
    shipped = [name for name in studies.names() if name.startswith(incomplete)]
    try:
        found = sorted(path for path in parent.iterdir() if path.name.startswith(last))
    except OSError:
        return shipped
    folders = [f"{path}/" for path in found if path.is_dir() and (last or not path.name.startswith("."))]
    return [*shipped, *(str(path) for path in found if path.suffix == ".toml"), *folders]


Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file, or the name of a shipped study.",
        show_default=False,
        autocompletion=complete_study,
    ),
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


def init(path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("study.toml")) -> None:
    """Write a commented study file to start from, and beside it the JSON schema that editors read."""
    from orchestrator.config.schema import json_schema
    from orchestrator.config.template import study_template

    beside = path.with_suffix(".schema.json")
    for file in (path, beside):
        if file.exists():
            raise BadInputError(f"{file}: exists", hint="give another name")
    text = study_template(path.name, beside.name, task=DIGITS_TASK)
    for file, content in ((path, text), (beside, json.dumps(json_schema(), indent=1) + "\n")):
        try:
            file.write_text(content, encoding="utf-8")
        except OSError as error:
            raise BadInputError(f"{file}: can't be written: {error.strerror}") from error
    console().print(f"{path} is written; archfront search {shlex.quote(str(path))} runs it", soft_wrap=True)


def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from orchestrator.config.schema import json_schema

    print_json(json_schema())
