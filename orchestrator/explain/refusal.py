"""Why a suggestion became no trial: which limit it broke by how much, or whose duplicate it was."""

from __future__ import annotations

from typing import Any

from orchestrator.config.identity import from_frozen
from orchestrator.explain.limits import breach
from orchestrator.explain.part import Part, listed
from orchestrator.report import wording
from orchestrator.store.reading import StudyLog
from orchestrator.store.rows import Ask
from search_spaces import registry
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError


def refusal(log: StudyLog, ask: Ask) -> Part:
    """Names the suggestion and what was wrong with it; a refusal costs no trial."""
    config = from_frozen(log.frozen, name=log.name)
    facts: dict[str, Any] = {"refusal": ask.refusal, "family": ask.point.family, "point": dict(ask.point.values)}
    match ask.refusal:
        case "infeasible":
            broken = [limit for limit in config.constraints if ask.violations.get(limit.name, 0.0) > 0]
            why = listed([breach(limit, ask.violations[limit.name]) for limit in broken])
            facts["violations"] = {limit.name: ask.violations[limit.name] for limit in broken}
        case "duplicate":
            trial = _original(log, ask, config.task)
            why = f"it is the architecture of trial {trial}" if trial is not None else "an earlier trial has it"
            facts["duplicate_of"] = trial
        case _:
            why = _impossible(ask, config.task)
    point = wording.architecture(ask.point.values, ask.point.values)
    return Part(
        text=f"Suggestion {ask.number}, a {ask.point.family} ({point}), was refused untrained: {why}.", facts=facts
    )


def _original(log: StudyLog, ask: Ask, task: Task) -> int | None:
    """The trial with the same architecture; None where its family is not known here."""
    try:
        wanted = registry.architecture(ask.point, task).architecture_id
    except ArchitectureError:
        return None
    return next((number for number, record in log.records.items() if record.architecture_id == wanted), None)


def _impossible(ask: Ask, task: Task) -> str:
    try:
        registry.architecture(ask.point, task).macs(task.image_size)
    except ArchitectureError as error:
        return f"there is no such network ({error.message})"
    return "there was no such network"
