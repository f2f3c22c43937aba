"""One paragraph about a trial or a refused suggestion, and the same facts as fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from orchestrator.config.identity import from_frozen
from orchestrator.explain.outcome import attempts, outcome
from orchestrator.explain.part import Part
from orchestrator.explain.refusal import refusal
from orchestrator.explain.standing import confirmation, standing
from orchestrator.explain.suggestion import suggestion
from orchestrator.records import TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.store.reading import StudyLog


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The answer to a question why.

    Attributes:
        paragraph: whole sentences on one line.
        facts: what the sentences say, as JSON values.
    """

    paragraph: str
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Self:
        """The parts' sentences in their order, and all their facts."""
        kept = tuple(parts)
        facts = {name: value for part in kept for name, value in part.facts.items()}
        return cls(paragraph=" ".join(part.text for part in kept if part.text), facts=facts)


def explain_trial(log: StudyLog, number: int) -> Explanation:
    """What has become of a trial, and why."""
    config = from_frozen(log.frozen, name=log.name)
    record = log.records[number]
    parts = [
        _identity(log, record),
        suggestion(log, log.asks[log.ask_of[number]]),
        outcome(log, record, num_epochs=config.recipe.epochs, constraints=config.constraints),
        attempts(log, record),
    ]
    if record.state is TrialState.COMPLETED:
        parts += [standing(record, log.records.values(), config), confirmation(record)]
    return Explanation.of(parts)


def explain_ask(log: StudyLog, number: int) -> Explanation:
    """Why a suggestion was refused; of one that became a trial, what has become of that."""
    ask = log.asks[number]
    if ask.refusal is None:
        return explain_trial(log, next(trial for trial, of in log.ask_of.items() if of == number))
    return Explanation.of([refusal(log, ask), suggestion(log, ask)])


def _identity(log: StudyLog, record: TrialRecord) -> Part:
    family = [other.architecture for other in log.records.values() if other.family == record.family]
    text = wording.architecture(record.architecture, wording.fields_that_differ(family))
    return Part(
        text=f"Trial {record.number} is a {record.family} ({text}) with "
        f"{wording.count(record.num_parameters, 'parameter')}.",
        facts={
            "trial": record.number,
            "state": record.state,
            "cause": record.cause,
            "family": record.family,
            "architecture": dict(record.architecture),
            "num_parameters": record.num_parameters,
            "predicted_latency_ms": record.predicted_latency_ms,
            "file_bytes": record.file_bytes,
            "peak_memory_bytes": record.peak_memory_bytes,
            "predicted_throughput_per_s": record.predicted_throughput_per_s,
        },
    )
