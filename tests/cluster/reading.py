"""What the files of docker/ and cluster/ say: versions, commands and YAML, for the tests beside this file."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
DOCKER = CHECKOUT / "docker"
CLUSTER = CHECKOUT / "cluster"

_PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
VERSION: str = _PYPROJECT["project"]["version"]
EXTRAS = frozenset(_PYPROJECT["project"]["optional-dependencies"])
OUR_IMAGES = {f"archfront:{VERSION}-cpu", f"archfront:{VERSION}-cuda"}


def locked(package: str) -> str:
    """The version that the lock file names."""
    lock = (DOCKER / "requirements.lock").read_text()
    found = re.search(rf"^{package}==(\S+)", lock, re.MULTILINE)
    assert found is not None, f"{package} is not locked"
    return found[1]


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def compose(*names: str) -> dict[str, Any]:
    """A compose file with its variables at their defaults; those that have none are ``given``."""
    text = (DOCKER / names[0]).read_text()
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return dict(yaml.safe_load(re.sub(r"\$\{\w+:\?[^}]*\}", "given", text)))


def parse(words: list[str]) -> dict[str, Any]:
    """Has the command line itself read a command of ours or of Ray's, and returns what it understood.

    Raises whatever the command line raises where it does not know a command, an option or a value.
    """
    command, rest = _command_line(words)
    context = command.make_context(command.name, list(rest))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, list(rest), parent=context)
    return dict(context.params)


def commands_of(text: str, *programs: str) -> list[list[str]]:
    """The words of each line of shell that begins with one of these programs, continued lines and prefixes included."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and words[0] in programs:
            found.append(words)
    return found


def _command_line(words: list[str]) -> tuple[Any, list[str]]:
    match words:
        case ["archfront", *rest] | ["python", "-m", "orchestrator", *rest]:
            from typer.main import get_command

            from orchestrator.cli.app import app

            return get_command(app), rest
        case ["ray", *rest]:
            from ray.scripts.scripts import cli as ray

            return ray, rest
    raise AssertionError(f"no command line is known for {words}")
