"""On which line of a TOML text each key stands, which tomllib does not say."""

from __future__ import annotations

import re
import tomllib

from orchestrator.config.problems import KeyPath

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_BLANK = re.compile(r"[ \t\r\n]+|#[^\n]*")
_HEADER = re.compile(rf"\[\[?[ \t]*({_KEY})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"({_KEY})[ \t]*=")
_PARTS = re.compile(_PART)
_VALUE_PIECE = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[{]|[\]}]|\n|[^"'\#\[\]{}\n]+|.''',
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, list[int]]:
    """Lines, counted from 1, of every table header and key; several where a key is given several times.

    Keys within inline tables and lists are not listed: the line of the key around them is near enough.
    """
    lines: dict[KeyPath, list[int]] = {}
    table: KeyPath = ()
    position, line = 0, 1
    while position < len(text):
        if match := _BLANK.match(text, position):
            end = match.end()
        elif match := _HEADER.match(text, position):
            table, end = _path(match[1]), match.end()
            lines.setdefault(table, []).append(line)
        elif match := _ASSIGNMENT.match(text, position):
            lines.setdefault(table + _path(match[1]), []).append(line)
            end = _end_of_value(text, match.end())
        else:
            end = (text.find("\n", position) + 1) or len(text)
        line += text.count("\n", position, end)
        position = end
    return lines


def _path(key: str) -> KeyPath:
    return tuple(_unquoted(part) for part in _PARTS.findall(key))


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    try:
        return next(iter(tomllib.loads(f"{part} = 0")))
    except tomllib.TOMLDecodeError:  # a control character, or an escape that TOML does not have
        return part


def _end_of_value(text: str, position: int) -> int:
    depth = 0
    while match := _VALUE_PIECE.match(text, position):
        piece, position = match[0], match.end()
        if piece == "\n" and depth <= 0:
            break
        depth += (piece in ("[", "{")) - (piece in ("]", "}"))
    return position
