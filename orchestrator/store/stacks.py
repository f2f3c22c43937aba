"""Where a worker was when it hung: written by the worker's last breath, read by the driver."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FRAME = re.compile(r'^\s*File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)
_TRAINING = "orchestrator/training/loop.py"
_LIBRARY = re.compile(r"/(torch|ray|numpy)/|/lib/python3[^/]*/(?!site-packages/|dist-packages/)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hang:
    """A worker in which nothing moved any more.

    Attributes:
        place: the innermost line that is neither Python's nor torch's.
        file: every thread's stack.
    """

    place: str
    file: Path


def stack_file(trial: Path, *, token: str, rank: int) -> Path:
    """Where a rank of an attempt leaves its stacks when it hangs; empty or absent where it did not."""
    return trial / f"stack-{token}-{rank}.txt"


def read_hang(trial: Path, *, token: str) -> Hang | None:
    """The hang of an attempt; of several ranks the first, since those who wait for it hang as well."""
    for file in sorted(trial.glob(f"stack-{token}-*.txt")):
        text = file.read_text(errors="replace")
        if text.strip():
            return Hang(place=_place(text), file=file)
        file.unlink(missing_ok=True)  # its worker died of something else
    return None


def is_library(file: str) -> bool:
    """Whether a source file is Python's, torch's or Ray's, and so not where a mistake is to be looked for."""
    return _LIBRARY.search(file) is not None


def _place(text: str) -> str:
    threads = re.split(r"^(?=Thread 0x|Current thread 0x)", text, flags=re.MULTILINE)
    training = next((thread for thread in threads if _TRAINING in thread), text)
    frames = list(_FRAME.finditer(training))
    frame = next((item for item in frames if not is_library(item["file"])), frames[0] if frames else None)
    return "an unknown place" if frame is None else f"{frame['function']} ({Path(frame['file']).name}:{frame['line']})"
