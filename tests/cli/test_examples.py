"""Every command says what it does, with an example that its own parser takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app, run


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_its_example_is_one_of_its_own_commands(names: tuple[str, ...]) -> None:
    command = COMMANDS[names]
    prefix = "Example: archfront "
    assert command.epilog is not None, f"archfront {' '.join(names)} --help shows no example"
    assert command.epilog.startswith(prefix)
    words = shlex.split(command.epilog.removeprefix(prefix).partition(" > ")[0])
    assert tuple(words[: len(names)]) == names
    context = command.make_context(names[-1], words[len(names) :])
    given = [name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"]
    assert given or not command.params, "an example shows at least one argument"


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_option_and_argument_has_words(names: tuple[str, ...]) -> None:
    command = COMMANDS[names]
    assert command.help, "a first line"
    silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert not silent


def test_the_version_is_printed_before_anything_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["archfront", "--version", "search", "absent.toml"])
    assert run() == 0
    assert capsys.readouterr().out == f"archfront {metadata.version('archfront')}\n"
