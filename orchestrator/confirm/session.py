"""What a session of a study lends to the work after its search."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.runtime.layout import Layout
from orchestrator.training.work import StudyWork


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Its workers, and whom they answer to.

    Attributes:
        work: what the workers of a trial are told, and so those who score.
        while_training: inside of it an interrupt asks trainings to checkpoint, and they end the session.
        tell: hears of trainings as they end.
    """

    work: StudyWork
    layout: Layout
    while_training: Callable[[], AbstractContextManager[None]]
    tell: Callable[[str], None]
