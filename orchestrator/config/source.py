"""Where the text of a study file comes from: a file of the user's, or a study that is shipped by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.config.problems import printable
from orchestrator.errors import ConfigError
from search_spaces.errors import did_you_mean

MAX_BYTES = 1 << 20
_BYTE_ORDER_MARK = "\ufeff"


def read_source(source: Path | str, shipped: Mapping[str, str]) -> tuple[str, str]:
    """The name that messages use, and the text.

    Args:
        source: a path, or the name of a shipped study where no such file exists.
        shipped: texts of the shipped studies by name.

    Raises:
        ConfigError: there is no such file, or it is no text of at most 1 MiB.
    """
    name = str(source)
    if name in shipped and not os.path.isfile(name):  # noqa: PTH113  (Path.is_file raises on odd names)
        return f"{name}.toml", shipped[name]
    return name, _decode(name, _read(name, shipped))


def _read(name: str, shipped: Mapping[str, str]) -> bytes:
    try:
        with open(name, "rb") as file:  # noqa: PTH123  (Path would change the name)
            content = file.read(MAX_BYTES + 1)
        size = max(len(content), os.stat(name).st_size)  # noqa: PTH116
    except FileNotFoundError:
        raise ConfigError([_missing(name, shipped)]) from None
    except IsADirectoryError:
        raise ConfigError([f"{printable(name)}: is a folder; name the study file in it"]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{printable(name)}: can't be read: {reason}"]) from error
    if size > MAX_BYTES:
        raise ConfigError([f"{printable(name)}: the file has {size / MAX_BYTES:.1f} MiB, the limit is 1 MiB"])
    return content


def _missing(name: str, shipped: Mapping[str, str]) -> str:
    near = did_you_mean(name, shipped) if shipped else ""
    near = f"{near} " if near.startswith("did you mean") else ""
    studies = f", or name a shipped study: {', '.join(sorted(shipped))}" if shipped else ""
    looked_in = printable(str(Path.cwd()))
    return f'{printable(name)}: no such file (looked in {looked_in}); {near}create one with "archfront init"{studies}'


def _decode(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{content[error.start]:02x} at offset {error.start}"
        raise ConfigError([f"{printable(name)}: {byte} is not UTF-8; save it as UTF-8"]) from error
    if text.startswith(_BYTE_ORDER_MARK):
        raise ConfigError([f"{printable(name)}: begins with a byte order mark; save it as UTF-8 without one"])
    if "\0" in text:
        raise ConfigError([f"{printable(name)}: byte 0x00 at offset {content.index(0)}: is no text file"])
    # tomllib reads Windows' line ends; a text mode would have turned them, and offsets, into others.
    return text
