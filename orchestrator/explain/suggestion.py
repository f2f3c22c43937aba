"""Why the sampler suggested a point, as far as it said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.explain.part import Part
from orchestrator.report import wording
from orchestrator.store.reading import StudyLog
from orchestrator.store.rows import Ask


def suggestion(log: StudyLog, ask: Ask) -> Part:
    """How the sampler came to a point, with the figures that it went by."""
    sampler = str(log.frozen["study"]["sampler"])
    return Part(
        text=f"Suggestion {ask.number} {_reason(sampler, ask.reason)}.",
        facts={"ask": ask.number, "sampler": sampler, "suggested": dict(ask.reason)},
    )


def _reason(sampler: str, reason: Mapping[str, Any]) -> str:
    match reason.get("how"):
        case "spread":
            candidates = wording.count(reason["num_candidates"], "candidate")
            return f"spread the study's first trials over the sizes of {candidates}"
        case "preset":
            return f"is the published network {reason['name']}, which the search begins with"
        case "gain":
            return _gain(reason)
        case "random":
            return f"was drawn at random, because the sampler {sampler} had brought nothing new"
        case _:
            return f"came from the sampler {sampler}, which gives no reasons"


def _gain(reason: Mapping[str, Any]) -> str:
    seconds = reason["predicted_epoch_s"]
    pace = "" if seconds is None else f" at {seconds:.3g} s an epoch"
    pending = wording.count(reason["num_pending"], "trial")
    left = f"{wording.count(reason['num_candidates'], 'candidate')} left"
    judged = (
        f"the {left}" if reason["num_judged"] == reason["num_candidates"] else f"{reason['num_judged']:,} of the {left}"
    )
    return (
        f"promised the greatest gain per second among {judged}: "
        f"{reason['gain']:.3g} of the scaled hypervolume, for an accuracy of {reason['predicted_accuracy']:.4f} "
        f"({reason['accuracy_low']:.4f} to {reason['accuracy_high']:.4f}){pace}, as "
        f"{wording.count(reason['num_observed'], 'result')} told with {pending} still running"
    )
