"""How a trial ended, or how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.explain.part import Part, listed
from orchestrator.objectives import Constraint, min_accuracy
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.store.reading import StudyLog

_CAUSES = {
    Cause.DIVERGED: "its training diverged",
    Cause.OUT_OF_MEMORY: "it did not fit into memory",
    Cause.TIMEOUT: "its training stood still",
    Cause.WORKER_DIED: "its workers died",
    Cause.ERROR: "its training raised an error",
}

_ENDS = {
    "worker_died": "its workers died",
    "timeout": "it stood still",
    "out_of_memory": "the memory ran out",
    "interrupted": "it was interrupted",
}
"""Of an attempt."""


def outcome(log: StudyLog, record: TrialRecord, *, num_epochs: int, constraints: Sequence[Constraint]) -> Part:
    """The end of a trial and what decided it."""
    decisions = _decisions(log, record.number)
    facts: dict[str, Any] = {
        "epochs": record.reports[-1].epoch if record.reports else 0,
        "num_epochs": num_epochs,
        "wall_time_s": record.wall_time_s,
        "message": record.message,
        "decisions": decisions,
    }
    match record.state:
        case TrialState.COMPLETED:
            facts["accuracy"] = record.accuracy
            text = _completed(record)
        case TrialState.PRUNED:
            facts["predicted_accuracy"] = record.predicted_accuracy
            least = min_accuracy(constraints)
            text = _pruned(record, decisions, num_epochs=num_epochs, least=least)
        case TrialState.FAILED | TrialState.INFEASIBLE:
            text = _failed(record, num_epochs)
        case TrialState.RUNNING | TrialState.PENDING:
            text = _running(record, decisions, num_epochs)
    return Part(text=text, facts=facts)


def attempts(log: StudyLog, record: TrialRecord) -> Part:
    """How often a trial was started, where once was not enough."""
    ends = Counter(
        str(event.detail["how"])
        for event in log.events
        if event.trial == record.number and event.kind == "attempt_ended"
    )
    facts = {"num_attempts": record.num_attempts}
    if record.num_attempts < 2:
        return Part(facts=facts)
    reasons = [f"{_ENDS.get(how, how)} {wording.count(count, 'time')}" for how, count in ends.items()]
    why = f": {listed(reasons)}" if reasons else ", because its driver died"
    return Part(text=f"It was started {record.num_attempts} times{why}.", facts=facts)


def _decisions(log: StudyLog, trial: int) -> list[dict[str, Any]]:
    """What the scheduler decided on a trial, in order; of an epoch that was trained twice the last."""
    found = {
        event.detail["epoch"]: {
            "epoch": event.detail["epoch"],
            "accuracy": event.detail["accuracy"],
            **event.detail["decision"],
        }
        for event in log.events
        if event.kind == "epoch_reported" and event.trial == trial and event.detail["decision"]
    }
    return list(found.values())


def _completed(record: TrialRecord) -> str:
    accuracy = f"validation accuracy {wording.accuracy(record.accuracy)}"
    if record.cause is Cause.REUSED:
        return f"It was not trained here: its result was {record.message}, with {accuracy}."
    return f"It was trained in full ({wording.duration(record.wall_time_s)}) and ended with {accuracy}."


def _pruned(record: TrialRecord, decisions: list[dict[str, Any]], *, num_epochs: int, least: float | None) -> str:
    stops = [decision for decision in decisions if not decision["go_on"]]
    if not stops:
        return f"It was stopped{_place(record, num_epochs)}: {record.message}."
    return f"It was stopped{_place(record, num_epochs)}: {_verdict(stops[-1], least)}."


def _verdict(decision: Mapping[str, Any], least: float | None) -> str:
    chance, needed, predicted = (decision.get(name) for name in ("chance", "needed", "predicted"))
    if chance is None or needed is None or predicted is None:
        return str(decision["reason"])
    bar = (
        f"reach {needed:.4f}, the study's limit"
        if needed == least
        else f"end above {needed:.4f}, the best of the COMPLETED trials that cost no more"
    )
    return (
        f"its chance to join the front was {_chance(chance)}, because it had to {bar}, and was predicted to end with "
        f"{predicted:.4f}"
    )


def _chance(chance: float) -> str:
    return f"{chance:.3f}" if chance >= 0.0005 else "below 0.001"


def _failed(record: TrialRecord, num_epochs: int) -> str:
    why = _CAUSES.get(record.cause, str(record.cause)) if record.cause else "it breaks a limit"
    said = " ".join(record.message.split()).rstrip(".")
    message = f": {said}" if said else ""
    return f"It is {record.state}{_place(record, num_epochs)}, because {why}{message}."


def _running(record: TrialRecord, decisions: list[dict[str, Any]], num_epochs: int) -> str:
    if not record.reports:
        return f"It is {record.state} and has reported none of its {num_epochs} epochs."
    last = decisions[-1] if decisions else None
    passed = f"; the scheduler let it go on after epoch {last['epoch']}: {last['reason']}" if last else ""
    return (
        f"It is {record.state}{_place(record, num_epochs)}, after {wording.duration(record.wall_time_s)} of "
        f"training{passed}."
    )


def _place(record: TrialRecord, num_epochs: int) -> str:
    if not record.reports:
        return " before its first epoch's end"
    last = record.reports[-1]
    return f" at epoch {last.epoch} of {num_epochs} with accuracy {wording.accuracy(last.accuracy)}"
