"""What a session of a study notes of itself, so that another terminal can tell how far it is."""

from __future__ import annotations

from orchestrator.config.settings import SearchConfig
from orchestrator.store.glance import SESSION
from orchestrator.store.store import StudyStore


def note_session(store: StudyStore, config: SearchConfig, *, command: str) -> None:
    """Notes the budget of trials and the command that goes on with the study; both may change from one to the next."""
    store.note(SESSION, {"trials": config.budget.trials, "command": command})
