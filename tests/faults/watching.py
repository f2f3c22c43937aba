"""Sees whatever runs that is neither archfront nor Python nor an installed package, by Python's audit hooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CODE = {
    "compile", "ctypes.dlopen", "exec", "import", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "os.system", "pickle.find_class", "pty.spawn", "socket.connect", "subprocess.Popen",
}  # fmt: skip
"""Events of Python's audit hooks by which something could run."""

_ROOT = Path(__file__).parents[2]
_OURS = (str(_ROOT), sys.prefix, sys.base_prefix, "<frozen")

_watchers: list[list[str]] = []
_hooks: list[str] = []


@contextmanager
def watched(*, active: bool) -> Iterator[list[str]]:
    """What ran inside the block that is not a module of archfront, of Python or of what is installed."""
    ran: list[str] = []
    if not _hooks:  # a hook can't be taken away again
        sys.addaudithook(_hook)
        _hooks.append("installed")
    if active:
        _watchers.append(ran)
    try:
        yield ran
    finally:
        _watchers.clear()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and event in _CODE and not _is_ours(event, arguments):
        _watchers[-1].append(f"{event} {str(arguments)[:150]}")


def _is_ours(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "import":
        name = str(arguments[0]).partition(".")[0]
        return name in sys.modules or name in sys.stdlib_module_names
    if event == "exec":
        return str(getattr(arguments[0], "co_filename", "")).startswith(_OURS)
    if event == "compile":
        return os.fsdecode(arguments[1] or b"").startswith(_OURS)
    return False
