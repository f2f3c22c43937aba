"""Where a COMPLETED trial stands: what it is best at on the front, or who dominates it by how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.config.settings import SearchConfig
from orchestrator.explain.limits import breach
from orchestrator.explain.part import Part, listed
from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Objective,
    format_quantity,
)
from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.selector import LatencyBasis, dominators, figure, front, interval, is_feasible, latency_basis

MAX_NAMED = 5
"""Dominating trials that are named beside the first."""

_SUPERLATIVES = {
    ACCURACY: "the most accurate",
    NUM_PARAMETERS: "the smallest",
    MACS: "the one with the fewest multiply-accumulates",
    LATENCY_MS: "the fastest",
    FILE_BYTES: "the one with the smallest file",
    PEAK_MEMORY_BYTES: "the one that takes the least memory",
    THROUGHPUT_PER_S: "the one with the highest throughput",
}
_BUDGETS = {
    NUM_PARAMETERS: "as few parameters",
    MACS: "as few multiply-accumulates",
    LATENCY_MS: "as low a latency",
    FILE_BYTES: "as small a file",
    PEAK_MEMORY_BYTES: "as little memory",
    THROUGHPUT_PER_S: "as high a throughput",
}


def standing(record: TrialRecord, records: Iterable[TrialRecord], config: SearchConfig) -> Part:
    """On the front for what, or off it for whom."""
    everyone = tuple(records)
    if not is_feasible(record, config.constraints):
        return _outside(record, config)
    members = front(everyone, config.objectives, config.constraints)
    if any(member.number == record.number for member in members):
        basis = latency_basis(everyone, config.objectives, config.constraints)
        return _member(record, members, config.objectives, basis=basis)
    return _dominated(record, everyone, config)


def confirmation(record: TrialRecord) -> Part:
    """Measured latency and throughput and the test score, where confirm has taken them."""
    facts = {
        "latency_ms": record.latency.median_ms if record.latency else None,
        "latency_interval_ms": [record.latency.low_ms, record.latency.high_ms] if record.latency else None,
        "throughput_per_s": record.throughput.images_per_s if record.throughput else None,
        "throughput_interval_per_s": list(record.throughput.images_per_s_interval) if record.throughput else None,
        "test_accuracy": record.test_accuracy,
    }
    parts = []
    if record.latency:
        parts.append(f"its latency was measured as {wording.latency(record)}")
    if record.throughput:
        rate = format_quantity(THROUGHPUT_PER_S, record.throughput.images_per_s)
        parts.append(f"its throughput was measured as {rate}")
    if record.test_accuracy is not None:
        parts.append(f"its test accuracy is {wording.accuracy(record.test_accuracy)}")
    text = listed(parts)
    return Part(text=f"{text[0].upper()}{text[1:]}." if text else "", facts=facts)


def strength(
    record: TrialRecord, members: Sequence[TrialRecord], objectives: Sequence[Objective], *, basis: LatencyBasis
) -> str:
    """What no other member of the front does better, in words.

    The front says it for all trials: whoever is better in some respect is on it, or dominated by one who is.
    """
    others = [member for member in members if member.number != record.number]
    if not others:
        return "no other trial is on it"
    best = [one for one in objectives if all(_is_no_worse(record, other, one, basis) for other in others)]
    if best:
        return f"it is {listed([_SUPERLATIVES[one.name] for one in best])}"
    costs = [one for one in objectives if one.name != ACCURACY]
    alone = [one for one in costs if _is_most_accurate(record, others, one, basis)]
    budgets = [_BUDGETS[one.name] for one in alone or costs]
    text = f"no trial with {' or with '.join(budgets) if alone else listed(budgets)} is more accurate"
    is_beaten = any(_is_better_by_medians(other, record, objectives, basis) for other in others)
    return f"{text} beyond the noise of latency" if is_beaten else text


def _is_no_worse(record: TrialRecord, other: TrialRecord, objective: Objective, basis: LatencyBasis) -> bool:
    sign = objective.direction.sign
    return sign * figure(record, objective.name, basis) <= sign * figure(other, objective.name, basis)


def _is_most_accurate(record: TrialRecord, others: Sequence[TrialRecord], cost: Objective, basis: LatencyBasis) -> bool:
    """Among those that cost no more; those that may cost no more, as far as latency is known, are among them."""
    rivals = [other for other in others if _may_be_no_worse(other, record, cost, basis)]
    return all(record.value(ACCURACY) >= rival.value(ACCURACY) for rival in rivals)


def _may_be_no_worse(record: TrialRecord, other: TrialRecord, cost: Objective, basis: LatencyBasis) -> bool:
    sign = cost.direction.sign
    ends, other_ends = ([sign * end for end in interval(one, cost.name, basis)] for one in (record, other))
    return min(ends) <= max(other_ends)


def _is_better_by_medians(
    other: TrialRecord, record: TrialRecord, objectives: Sequence[Objective], basis: LatencyBasis
) -> bool:
    """A trial that would dominate, were measured latencies exact."""
    is_equal = all(_is_no_worse(record, other, one, basis) for one in objectives)
    return not is_equal and all(_is_no_worse(other, record, one, basis) for one in objectives)


def _member(
    record: TrialRecord, members: Sequence[TrialRecord], objectives: Sequence[Objective], *, basis: LatencyBasis
) -> Part:
    best_at = strength(record, members, objectives, basis=basis)
    is_provisional = basis is LatencyBasis.PREDICTED
    note = " The front is provisional: not every member of it has a measured latency." if is_provisional else ""
    count = wording.count(len(members), "trial")
    return Part(
        text=f"It is on the front of {count}: {best_at}.{note}",
        facts={"on_front": True, "best_at": best_at, "latency_basis": basis},
    )


def _outside(record: TrialRecord, config: SearchConfig) -> Part:
    violations = {
        limit.name: violation
        for limit in config.constraints
        if (violation := limit.violation(record.value(limit.name))) > 0
    }
    texts = [breach(limit, violations[limit.name]) for limit in config.constraints if limit.name in violations]
    return Part(text=f"It is not on the front: {listed(texts)}.", facts={"on_front": False, "violations": violations})


def _dominated(record: TrialRecord, records: Sequence[TrialRecord], config: SearchConfig) -> Part:
    found = dominators(record, records, config.objectives, constraints=config.constraints)
    assert found, "a trial off the front is dominated"
    names = {one.name for one in config.objectives}
    basis = " (latency as predicted)" if LATENCY_MS in names and record.latency is None else ""
    numbers = [str(one.record.number) for one in found[1 : 1 + MAX_NAMED]]
    num_more = len(found) - 1 - len(numbers)
    numbers += [f"{num_more:,} more"] if num_more else []
    others = f", and so {'does' if len(found) == 2 else 'do'} {listed(numbers)}" if numbers else ""
    first = f"trial {found[0].record.number} dominates it with {found[0].text}"
    return Part(
        text=f"It is not on the front: {first}{basis}{others}.",
        facts={
            "on_front": False,
            "dominated_by": [{"trial": one.record.number, "margins": dict(one.margins)} for one in found],
        },
    )
