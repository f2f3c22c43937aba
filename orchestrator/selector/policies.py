"""Chooses one trial of the front inside limits, and says why that one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import BadInputError, NothingFeasibleError
from orchestrator.objectives import (
    ACCURACY,
    DIRECTIONS,
    KNOWN_COSTS,
    LATENCY_MS,
    NUM_PARAMETERS,
    TIMED,
    Constraint,
    Direction,
    Objective,
    cost,
    format_quantity,
)
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector.certainty import further_figures
from orchestrator.selector.dominance import LatencyBasis, compare, figure, front, latency_basis, order_of, percent


class Policy(StrEnum):
    """By which rule a trial is chosen from the members of the front that are inside the limits.

    ACCURATE takes the most accurate, SMALL the one with the fewest parameters, FAST the one with the lowest latency,
    and KNEE the best compromise, as ``pareto.knee`` defines it, with costs compared by their ratios (on a log scale).
    """

    ACCURATE = "accurate"
    KNEE = "knee"
    SMALL = "small"
    FAST = "fast"


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was chosen.

    Attributes:
        runner_up: what the policy would take next; None where nothing else is inside the limits.
        why: the rule, the limits and the distance to the runner-up, as one sentence.
    """

    record: TrialRecord
    policy: Policy
    runner_up: TrialRecord | None
    why: str


def best(
    records: Iterable[TrialRecord],
    objectives: Sequence[Objective],
    limits: Sequence[Constraint] = (),
    policy: Policy = Policy.ACCURATE,
) -> Selection:
    """The trial that the policy takes from the front of all COMPLETED trials inside the limits.

    The limits are asked for on top of the study's constraints, so pass both. Of equally accurate ones the most accurate
    is that with the higher mean over further seeds; all other equals are told apart by fewer parameters, then lower
    latency, then the lower number.

    Raises:
        NothingFeasibleError: no COMPLETED trial is inside the limits; the nearest one is named.
        BadInputError: a limit is one of a figure that a COMPLETED trial lacks.
    """
    everyone, limits = tuple(records), _tightest(limits)
    _check_known(everyone, limits)
    members = front(everyone, objectives, limits)
    if not members:
        raise _nothing_feasible(everyone, limits)
    basis = latency_basis(everyone, objectives, limits)
    chosen, *others = _ranked(members, objectives, policy=policy, basis=basis)
    runner_up = others[0] if others else None
    why = _reason(
        chosen, runner_up, policy=policy, num_members=len(members), limits=limits, basis=basis, objectives=objectives
    )
    return Selection(record=chosen, policy=policy, runner_up=runner_up, why=why)


def _check_known(records: Iterable[TrialRecord], limits: Sequence[Constraint]) -> None:
    for record in records:
        for limit in limits if record.state is TrialState.COMPLETED else ():
            try:
                record.value(limit.name)
            except ValueError as error:
                # Costs in closed form are of every trial since they are counted; what is timed is so on request.
                origin = "made by a later archfront" if limit.name in KNOWN_COSTS else "whose study file asks for it"
                raise BadInputError(f"{limit}: {error}", hint=f"take a study {origin}, or drop the limit") from None


def _tightest(limits: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """One limit for each figure: the study's own bound says nothing beside a closer one."""
    closest: dict[str, Constraint] = {}
    for limit in limits:
        other = closest.get(limit.name)
        if other is None or other.violation(limit.bound) < 0:
            closest[limit.name] = limit
    return tuple(closest.values())


def _ranked(
    members: Sequence[TrialRecord], objectives: Sequence[Objective], *, policy: Policy, basis: LatencyBasis
) -> list[TrialRecord]:
    from orchestrator import pareto

    first: Sequence[float | tuple[float, ...]]
    match policy:
        case Policy.ACCURATE:
            first = [
                (-record.value(ACCURACY), -(further_figures(record)["seeds_accuracy"] or 0.0)) for record in members
            ]
        case Policy.SMALL:
            first = [record.value(NUM_PARAMETERS) for record in members]
        case Policy.FAST:
            first = [figure(record, LATENCY_MS, basis) for record in members]
        case Policy.KNEE:
            first = pareto.knee_distances([_knee_point(record, objectives, basis) for record in members]).tolist()
    keys = [(value, *order_of(record, basis)) for value, record in zip(first, members, strict=True)]
    return [record for _, record in sorted(zip(keys, members, strict=True), key=lambda pair: pair[0])]


def _knee_point(record: TrialRecord, objectives: Sequence[Objective], basis: LatencyBasis) -> list[float]:
    values = [(objective.name, figure(record, objective.name, basis)) for objective in objectives]
    # A cost of 0 has no logarithm; no network that runs has one, and the smallest float keeps it the cheapest.
    return [-value if name == ACCURACY else math.log(max(cost(name, value), math.ulp(0.0))) for name, value in values]


_RULES = {
    Policy.ACCURATE: "most accurate",
    Policy.KNEE: "best compromise (knee)",
    Policy.SMALL: "fewest parameters",
    Policy.FAST: "lowest latency",
}


def _reason(
    chosen: TrialRecord,
    runner_up: TrialRecord | None,
    *,
    policy: Policy,
    num_members: int,
    limits: Sequence[Constraint],
    basis: LatencyBasis,
    objectives: Sequence[Objective],
) -> str:
    inside = f" with {_joined(limits)}" if limits else ""
    trials = "the only trial" if num_members == 1 else f"{_RULES[policy]} of {num_members} trials"
    parts = [f"{trials} on the front{inside}"]
    if runner_up is not None:
        parts.append(
            f"next is trial {runner_up.number}: {compare(runner_up, chosen, objectives=objectives, basis=basis)}"
        )
    if basis is LatencyBasis.PREDICTED:
        parts.append("latency is predicted: not every candidate is measured")
    return "; ".join(parts)


def _nothing_feasible(records: Sequence[TrialRecord], limits: Sequence[Constraint]) -> NothingFeasibleError:
    completed = [record for record in records if record.state is TrialState.COMPLETED]
    if not completed:
        states = ", ".join(f"{count} {state}" for state, count in Counter(record.state for record in records).items())
        return NothingFeasibleError(
            f"no trial is COMPLETED ({states or 'the study has no trials'})",
            hint="run the study to its end, or extend it",
        )
    nearest = min(completed, key=lambda record: (*_distance(record, limits), *order_of(record, LatencyBasis.MEASURED)))
    misses = "; ".join(_miss(nearest, limit) for limit in limits if limit.violation(nearest.value(limit.name)) > 0)
    return NothingFeasibleError(
        f"none of {len(completed)} COMPLETED trials has {_joined(limits)}; trial {nearest.number} is nearest: {misses}",
        hint="relax that limit, or extend the study with more trials",
    )


def _distance(record: TrialRecord, limits: Sequence[Constraint]) -> tuple[float, float]:
    """The largest relative violation, then the sum of all."""
    violations = [max(0.0, limit.violation(record.value(limit.name))) for limit in limits]
    return max(violations), sum(violations)


def _miss(record: TrialRecord, limit: Constraint) -> str:
    value = record.value(limit.name)
    text = f"{limit.name} {format_quantity(limit.name, value)}"
    if limit.name in TIMED and record.timed(limit.name) is None:
        text += " (predicted)"
    if limit.name == ACCURACY:
        return f"{text} is {limit.bound - value:.2g} below {format_quantity(limit.name, limit.bound)}"
    side = "above" if DIRECTIONS[limit.name] is Direction.MINIMIZE else "below"
    return f"{text} is {percent(limit.violation(value))} {side} {format_quantity(limit.name, limit.bound)}"


def _joined(limits: Sequence[Constraint]) -> str:
    return " and ".join(str(limit) for limit in limits)
