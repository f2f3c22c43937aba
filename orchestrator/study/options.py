"""What a run is told beside its config, and whom it tells how far it is. Imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.runtime.layout import Layout
    from orchestrator.store.store import StudyStore
    from orchestrator.tracking.tracker import Tracker


class Audience(Protocol):
    """What the display hears of a study; every call returns at once."""

    def on_phase(self, text: str) -> None: ...

    def on_layout(self, layout: Layout) -> None: ...

    def on_open(self, store: StudyStore, tracker: Tracker | None) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What belongs to a run and not to its study.

    Attributes:
        command: that goes on with the study, for those who look at it; empty where nobody gave one.
        root: its directory on this machine.
        url: of its remote storage; empty where the directory is the study.
        is_root_given: somebody said where studies lie; a cluster of several nodes insists on it.
    """

    root: Path
    url: str = ""
    is_root_given: bool = True
    address: str | None = None
    takeover: bool = False
    command: str = ""
