"""How far tracking is behind the study, in the words of the display."""

from __future__ import annotations

from typing import Protocol

USUAL = 100
"""Events that wait for their turn while all is well; they are sent in batches."""


class Sending(Protocol):
    """What is asked of a tracker."""

    @property
    def num_behind(self) -> int: ...

    @property
    def last_error(self) -> str: ...


def behind(tracker: Sending | None, *, usual: int = USUAL) -> str:
    """How many events MLflow does not have yet, and why; empty while it keeps up."""
    if tracker is None or (tracker.num_behind <= usual and not tracker.last_error) or not tracker.num_behind:
        return ""
    why = f" ({tracker.last_error})" if tracker.last_error else ""
    return f"tracking: behind {tracker.num_behind} event{'s' if tracker.num_behind > 1 else ''}{why}"
