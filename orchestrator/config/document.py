"""A study file as it was written: TOML text, where each key stands, and what ``--set`` put over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.config import overrides as setting
from orchestrator.config.lines import key_lines
from orchestrator.config.overrides import Override
from orchestrator.config.problems import KeyPath, Place, Problems, dotted, printable
from orchestrator.errors import ConfigError

MAX_DEPTH = 32
SMALLEST_FILE = '[data]\nname = "digits"'

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = ("Cannot overwrite", "Cannot declare", "Cannot mutate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The tables of a study file.

    Attributes:
        name: how messages call the file.
        tables: with the overrides applied.
        lines: of each key in the file.
        refused_overrides: a problem for each override that could not be applied.
    """

    name: str
    tables: dict[str, Any]
    lines: Mapping[KeyPath, int]
    overrides: tuple[Override, ...]
    refused_overrides: tuple[str, ...]

    def locate(self, path: KeyPath) -> Place:
        """Where the key was written, or the nearest table around it."""
        override = setting.covering(self.overrides, path)
        if override is None and path not in self.lines:
            override = next((one for one in self.overrides if one.path[: len(path)] == path), None)
        if override is not None:
            return Place(text=override.place, is_exact=override.path == path)
        for length in range(len(path), 0, -1):
            if line := self.lines.get(path[:length]):
                return Place(text=f"{self.name}:{line}", line=line)
        return Place(text=self.name)


def read_document(name: str, text: str, overrides: Sequence[str] = ()) -> Document:
    """Reads TOML and puts the overrides over it.

    Raises:
        ConfigError: it is empty or no TOML.
    """
    name = printable(name)
    tables = _parse(name, text)
    if not tables:
        raise ConfigError([f"{name}: holds no settings; the smallest study file is\n{SMALLEST_FILE}"])
    lines = {path: lines[0] for path, lines in key_lines(text).items()}
    applied, refused = _apply(tables, overrides)
    return Document(name=name, tables=tables, lines=lines, overrides=applied, refused_overrides=refused)


def check_values(document: Document, problems: Problems) -> None:
    """Refuses what TOML allows and no setting can hold: whole numbers beyond 64 bits, tables nested too deep.

    Raises:
        ConfigError: at once, because such values can't be looked at any further.
    """
    is_clean = True
    for path, value in _leaves(document.tables):
        if len(path) > MAX_DEPTH:
            problems.add(path[:4], f"is nested more than {MAX_DEPTH} levels deep")
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            problems.add(path, "must be a whole number of at most 64 bits")
        else:
            continue
        is_clean = False
    if not is_clean:
        problems.raise_if_any()


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{name}: is nested more than {MAX_DEPTH} levels deep"]) from None
    except ValueError as error:
        raise ConfigError([_syntax_problem(name, text, str(error))]) from error


def _syntax_problem(name: str, text: str, message: str) -> str:
    match = _AT.search(message)
    rule = _AT.sub("", message)
    line = int(match[1]) if match and match[1] else text.count("\n", 0, len(text.rstrip())) + 1
    column = f":{match[2]}" if match and match[2] else ""
    if rule.startswith(_TWICE) and (twice := _given_twice(text, line)):
        return f"{name}:{line}: {twice}"
    return f"{name}:{line}{column}: can't be read as TOML: {printable(rule[:1].lower() + rule[1:])}"


def _given_twice(text: str, last_line: int) -> str:
    so_far = "\n".join(text.split("\n")[:last_line])
    for path, lines in key_lines(so_far).items():
        if len(lines) > 1 and lines[-1] == last_line:
            return f"{dotted(path)} is given twice, first on line {lines[-2]}; keep one"
    return ""


def _apply(tables: dict[str, Any], texts: Sequence[str]) -> tuple[tuple[Override, ...], tuple[str, ...]]:
    applied, refused = [], []
    for text in texts:
        try:
            override = setting.parse(text)
            setting.apply(tables, override)
        except ValueError as error:
            refused.append(str(error))
        else:
            applied.append(override)
    return tuple(applied), tuple(refused)


def _leaves(tables: dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Every value that holds no other; without recursion, because depth is what is looked for."""
    pending: list[tuple[KeyPath, Any]] = [((), tables)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict | list) and value and len(path) <= MAX_DEPTH:
            keys = value.items() if isinstance(value, dict) else enumerate(value)
            pending.extend(((*path, key), item) for key, item in keys)
        else:
            yield path, value
