"""Problems and warnings of a study file, collected so that a person sees all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("space", "densenet", "bn_size", 0)`` is ``space.densenet.bn_size[0]``."""

MAX_PROBLEMS = 50
_MAX_VALUE_LENGTH = 60
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_ABSENT = object()
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\])*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a key was written.

    Attributes:
        text: ``study.toml:12``, or the override in full.
        line: for the order of problems; 0 where there is none.
        is_exact: the text holds name and value already, as an override does.
    """

    text: str
    line: int = 0
    is_exact: bool = False


class Problems:
    """All that is wrong with a study file, and all that is merely odd.

    Args:
        locate: finds the place where a key, or the nearest table around it, was written.
        known: problems that were found before, as whole lines.
    """

    def __init__(self, locate: Callable[[KeyPath], Place], *, known: Sequence[str] = ()) -> None:
        self._locate = locate
        self._problems = [(0, text) for text in known]
        self._warnings: list[tuple[int, str]] = []
        self._paths: set[KeyPath] = set()

    def add(self, path: KeyPath, rule: str, *, value: Any = _ABSENT, hint: str = "") -> None:
        """Records a problem: ``study.toml:12: recipe.epochs = 0: must be at least 1; hint``."""
        self._paths.add(path)
        self._problems.append(self._line(path, rule, value=value, hint=hint))

    def warn(self, path: KeyPath, rule: str, *, value: Any = _ABSENT, hint: str = "") -> None:
        """Records what does no harm and is probably not meant."""
        self._warnings.append(self._line(path, rule, value=value, hint=hint))

    def add_refusal(self, prefix: KeyPath, message: str, *, hint: str = "") -> None:
        """Records what another layer refused; its message begins with a name, in full or from ``prefix`` on."""
        path, text = _parse_name(message), message
        if path[: len(prefix)] != prefix:
            path, text = prefix + path, f"{dotted(prefix)}.{message}"
        place = self._locate(path)
        self._paths.add(path)
        self._problems.append((place.line, f"{place.text}: {printable(text)}{_tail(hint)}"))

    def is_clean(self, *paths: KeyPath) -> bool:
        """Whether no problem concerns these keys, the tables around them or what lies within them."""
        return not any(a[: len(b)] == b or b[: len(a)] == a for a in self._paths for b in paths)

    @property
    def warnings(self) -> tuple[str, ...]:
        """In the order of the file."""
        return _in_order(self._warnings)

    def raise_if_any(self) -> None:
        """Ends the reading where something is wrong.

        Raises:
            ConfigError: with every problem, in the order of the file.
        """
        texts = _in_order(self._problems)
        if len(texts) > MAX_PROBLEMS:
            texts = (*texts[:MAX_PROBLEMS], f"and {len(texts) - MAX_PROBLEMS:,} more problems")
        if texts:
            raise ConfigError(texts)

    def _line(self, path: KeyPath, rule: str, *, value: Any, hint: str) -> tuple[int, str]:
        place = self._locate(path)
        given = "" if value is _ABSENT else f" = {show(value)}"
        named = "" if place.is_exact else f" {dotted(path)}{given}:"
        return place.line, f"{place.text}:{named} {printable(rule)}{_tail(hint)}"


def dotted(path: Sequence[str | int]) -> str:
    """A key path as a person writes it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else show(part))
    return text


def show(value: Any) -> str:
    """A value as a study file has it, on one line and cut where it is long."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key} = {show(item)}" for key, item in list(value.items())[:8]) + "}"
    elif isinstance(value, float):
        text = repr(value)
    else:
        text = json.dumps(_shortened(value), default=str, ensure_ascii=False)
    text = printable(text)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: _MAX_VALUE_LENGTH - 3]}..."


def printable(text: str) -> str:
    """The text with what a terminal would act on, or can't encode, spelt out, and without passwords in addresses."""
    text = _PASSWORD.sub("://...@", text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_MAX_VALUE_LENGTH]
    return value[:_MAX_VALUE_LENGTH] if isinstance(value, list | tuple) else value


def _parse_name(message: str) -> KeyPath:
    match = _NAME.match(message)
    parts = re.findall(r"\w+", match[0]) if match else []
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _tail(hint: str) -> str:
    return f"; {printable(hint)}" if hint else ""


def _in_order(texts: list[tuple[int, str]]) -> tuple[str, ...]:
    # Twice the same text means that two rules found the same mistake.
    return tuple(dict.fromkeys(text for _, text in sorted(texts, key=lambda item: item[0])))
