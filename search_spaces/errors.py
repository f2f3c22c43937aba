"""What search_spaces raises when it is asked for a network that cannot exist.

ValueError
└── ArchitectureError     a value is outside its rule: ``compression = 1.5: must be in (0, 1]``
    ├── GeometryError     an image shrinks below one pixel, and in which stage
    └── WeightsError      pretrained weights that are not at hand, or that don't fit the network
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArchitectureError(ValueError):
    """A network that cannot exist; ``hint`` is the way out, in one sentence."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Both, as a traceback shows them: in a notebook, or from another process."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class GeometryError(ArchitectureError):
    """An image that is too small for the network; the message names the stage."""


class WeightsError(ArchitectureError):
    """Pretrained weights that are not at hand, or that don't fit the network."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them where none is near."""
    words = list(known)
    near = difflib.get_close_matches(name, words, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known: {', '.join(words)}"
