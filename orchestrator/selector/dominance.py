"""Which trials stand on the front, who dominates the others, and whether latency is compared as measured or predicted.

Only finalists are measured, and a measured latency is never compared with a predicted one. The front is taken by
predicted latency first. Where every member of that front was measured, under the same conditions, confirm has done its
work: the front is that of the measured trials, by what was measured. Otherwise (before confirm, within it, after an
extension that found something new) the front is provisional and all trials are compared by prediction. So a trial that
confirm has not come to yet is never hidden by those that it has. A limit is checked by the best that is known of a
trial: measured where it was measured.

A measured latency is an interval. A trial dominates another one only beyond the noise: the high end of its latency must
be at or below the low end of the other's. Where intervals overlap, neither is known to be the faster one, and both may
stand on the front (``pareto.clearly_non_dominated``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.objectives import ACCURACY, LATENCY_MS, Constraint, Objective
from orchestrator.records import TrialRecord, TrialState


class LatencyBasis(StrEnum):
    """What stands for latency where trials are compared."""

    MEASURED = "measured"
    PREDICTED = "predicted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Domination:
    """A trial that dominates another one.

    Attributes:
        margins: by how much it is better in each objective, in the objective's unit; never below 0.
        text: the same in words, costs in per cent.
    """

    record: TrialRecord
    margins: Mapping[str, float]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dominated:
    """A feasible trial off the front.

    Attributes:
        by: the most accurate trial that dominates it.
        num_more: how many others do.
    """

    record: TrialRecord
    by: Domination
    num_more: int


def front(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> tuple[TrialRecord, ...]:
    """COMPLETED trials inside the constraints that no other such trial dominates, most accurate first."""
    field, basis = _comparable(records, objectives, constraints)
    members = _non_dominated(field, objectives, basis)
    return tuple(sorted(members, key=lambda record: order_of(record, basis)))


def latency_basis(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> LatencyBasis:
    """Whether ``front`` of the same arguments compares measured or predicted latency."""
    return _comparable(records, objectives, constraints)[1]


def dominators(
    record: TrialRecord,
    records: Iterable[TrialRecord],
    objectives: Sequence[Objective],
    *,
    constraints: Sequence[Constraint] = (),
) -> tuple[Domination, ...]:
    """The feasible trials that dominate a COMPLETED one, most accurate first; none for a member of the front.

    Raises:
        ValueError: the trial is not COMPLETED, and so can't be compared.
    """
    from orchestrator import pareto

    everyone = tuple(records)
    field, basis = _comparable(everyone, objectives, constraints)
    if all(other.number != record.number for other in field):
        field, basis = _eligible(everyone, constraints), LatencyBasis.PREDICTED
    low, _ = _box(record, objectives, basis)
    better = [other for other in field if pareto.dominates(_box(other, objectives, basis)[1], low)]
    better.sort(key=lambda other: order_of(other, basis))
    return tuple(_domination(other, record, objectives=objectives, basis=basis) for other in better)


def dominated(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> tuple[Dominated, ...]:
    """Every feasible trial off the front with whom it loses to, most accurate first; ``dominators`` for all at once."""
    everyone = _eligible(records, constraints)
    field, basis = _comparable(everyone, objectives, constraints)
    compared = {record.number for record in field}
    others = [record for record in everyone if record.number not in compared]
    found = [
        *_losers(field, field, objectives, basis=basis),
        *_losers(others, everyone, objectives, basis=LatencyBasis.PREDICTED),
    ]
    return tuple(sorted(found, key=lambda one: order_of(one.record, LatencyBasis.PREDICTED)))


def is_feasible(record: TrialRecord, constraints: Iterable[Constraint]) -> bool:
    """Whether a COMPLETED trial is inside every constraint."""
    return all(constraint.violation(record.value(constraint.name)) <= 0 for constraint in constraints)


def figure(record: TrialRecord, name: str, basis: LatencyBasis) -> float:
    """A figure of a trial, with what is timed as the basis says."""
    return record.predicted(name) if basis is LatencyBasis.PREDICTED else record.value(name)


def interval(record: TrialRecord, name: str, basis: LatencyBasis) -> tuple[float, float]:
    """Between which ends a figure lies: those of the 95 % interval of what was measured; else the figure twice."""
    if basis is LatencyBasis.MEASURED:
        return record.interval(name)
    return record.predicted(name), record.predicted(name)


def order_of(record: TrialRecord, basis: LatencyBasis) -> tuple[float, ...]:
    """Sorts the most accurate first, then the smaller, then the faster, then the earlier trial."""
    return -record.value(ACCURACY), record.num_parameters, figure(record, LATENCY_MS, basis), record.number


def compare(record: TrialRecord, other: TrialRecord, *, objectives: Iterable[Objective], basis: LatencyBasis) -> str:
    """How ``record`` differs from ``other``: ``accuracy 0.0021 higher, num_parameters 31 % lower, macs equal``."""
    return ", ".join(_compared(record, other, objective.name, basis) for objective in objectives)


def difference(name: str, value: float, other: float) -> str:
    """By how much a figure is above or below another: accuracies in their unit, costs in per cent."""
    if value == other:
        return "equal"
    gap = abs(value - other)
    size = f"{gap:.2g}" if name == ACCURACY or other == 0 else percent(gap / abs(other))
    return f"{size} {'higher' if value > other else 'lower'}"


def percent(share: float) -> str:
    """Three digits, whole above 100: ``0.412 %``, ``31.4 %``, ``1,860 %``."""
    return f"{100 * share:,.0f} %" if share >= 1 else f"{100 * share:.3g} %"


def _compared(record: TrialRecord, other: TrialRecord, name: str, basis: LatencyBasis) -> str:
    values = figure(record, name, basis), figure(other, name, basis)
    text = f"{name} {difference(name, *values)}"
    (low, high), (other_low, other_high) = interval(record, name, basis), interval(other, name, basis)
    is_noise = values[0] != values[1] and low <= other_high and other_low <= high
    return f"{text} (within the noise)" if is_noise else text


def _losers(
    records: Iterable[TrialRecord],
    field: Sequence[TrialRecord],
    objectives: Sequence[Objective],
    *,
    basis: LatencyBasis,
) -> Iterator[Dominated]:
    import numpy as np

    ordered = sorted(field, key=lambda record: order_of(record, basis))
    highs = np.array([_box(record, objectives, basis)[1] for record in ordered])
    for record in records:
        low = np.array(_box(record, objectives, basis)[0])
        rows = np.flatnonzero((highs <= low).all(axis=1) & (highs < low).any(axis=1))
        if len(rows):
            by = _domination(ordered[rows[0]], record, objectives=objectives, basis=basis)
            yield Dominated(record=record, by=by, num_more=len(rows) - 1)


def _domination(
    better: TrialRecord, worse: TrialRecord, *, objectives: Sequence[Objective], basis: LatencyBasis
) -> Domination:
    margins = {
        one.name: one.direction.sign * (figure(worse, one.name, basis) - figure(better, one.name, basis))
        for one in objectives
    }
    return Domination(record=better, margins=margins, text=compare(better, worse, objectives=objectives, basis=basis))


def _comparable(
    records: Iterable[TrialRecord], objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> tuple[list[TrialRecord], LatencyBasis]:
    """The trials that can be compared with each other, and by which latency."""
    eligible = _eligible(records, constraints)
    provisional = _non_dominated(eligible, objectives, LatencyBasis.PREDICTED)
    conditions = {record.measured_under for record in provisional}
    if len(conditions) != 1 or None in conditions:
        return eligible, LatencyBasis.PREDICTED
    return [record for record in eligible if record.measured_under in conditions], LatencyBasis.MEASURED


def _eligible(records: Iterable[TrialRecord], constraints: Sequence[Constraint]) -> list[TrialRecord]:
    return [record for record in records if record.state is TrialState.COMPLETED and is_feasible(record, constraints)]


def _non_dominated(
    records: Sequence[TrialRecord], objectives: Sequence[Objective], basis: LatencyBasis
) -> list[TrialRecord]:
    from orchestrator import pareto

    if not records:
        return []
    lows, highs = zip(*(_box(record, objectives, basis) for record in records), strict=True)
    mask = pareto.clearly_non_dominated(lows, highs)
    return [record for record, is_member in zip(records, mask, strict=True) if is_member]


def _box(
    record: TrialRecord, objectives: Sequence[Objective], basis: LatencyBasis
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The low and the high ends of the trial's objectives, all to be minimised."""
    ends = [_minimised(objective, interval(record, objective.name, basis)) for objective in objectives]
    low, high = zip(*ends, strict=True)
    return low, high


def _minimised(objective: Objective, ends: tuple[float, float]) -> tuple[float, float]:
    first, second = (objective.direction.sign * end for end in ends)
    return min(first, second), max(first, second)
