"""``[objectives]`` and ``[constraints]``: what a study optimises, and what it must not exceed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.config.problems import Problems
from orchestrator.config.tables import check_keys
from orchestrator.objectives import (
    ACCURACY,
    DIRECTIONS,
    LATENCY_MS,
    NUM_PARAMETERS,
    THROUGHPUT_PER_S,
    Constraint,
    Direction,
    Objective,
    parse_constraint,
)
from search_spaces.errors import did_you_mean

_MAX_LENGTH = 100
_MAX_NAMES = 100

DEFAULT_OBJECTIVES = {Direction.MAXIMIZE: (ACCURACY,), Direction.MINIMIZE: (NUM_PARAMETERS, LATENCY_MS)}


def read_objectives(table: Any, problems: Problems) -> tuple[Objective, ...]:
    """The objectives of ``maximize`` and ``minimize``, each list with its default where it is left out."""
    if not check_keys(("objectives",), table, problems, known=list(Direction)):
        return ()
    objectives = []
    for direction in Direction:
        names = table.get(direction, list(DEFAULT_OBJECTIVES[direction]))
        objectives += [Objective(name=name, direction=direction) for name in _names(direction, names, problems)]
    path = ("objectives", "maximize")
    if problems.is_clean(path) and ACCURACY not in (one.name for one in objectives):
        hint = "all other figures are known without training"
        problems.add(path, f'must contain "{ACCURACY}"', value=table.get("maximize"), hint=hint)
    return tuple(objectives)


def read_constraints(table: Any, problems: Problems) -> tuple[Constraint, ...]:
    """One limit for each key."""
    if not check_keys(("constraints",), table, problems, known=DIRECTIONS):
        return ()
    constraints = []
    for name in DIRECTIONS:
        if name in table:
            constraints += _read_constraint(name, table[name], problems)
    return tuple(constraints)


def warn_of_goals(
    objectives: Sequence[Objective], constraints: Sequence[Constraint], given: Any, problems: Problems
) -> None:
    """What is set for a figure that the study does not ask for has no effect."""
    asked = {one.name for one in objectives} | {one.name for one in constraints}
    latency = given.get("latency")
    is_given = isinstance(latency, Mapping) and "throughput_batch_size" in latency
    if is_given and THROUGHPUT_PER_S not in asked:
        path, hint = ("latency", "throughput_batch_size"), f'list "{THROUGHPUT_PER_S}" in objectives.maximize'
        rule = "has no effect, because throughput is neither an objective nor limited"
        problems.warn(path, rule, value=latency["throughput_batch_size"], hint=hint)


def _read_constraint(name: str, limit: Any, problems: Problems) -> list[Constraint]:
    path = ("constraints", name)
    if not isinstance(limit, str | int | float) or len(str(limit)) > _MAX_LENGTH:
        problems.add(path, "must be one limit, as text or a number", value=limit)
        return []
    try:
        return [parse_constraint(name, limit)]
    except ValueError as error:
        problems.add(path, str(error), value=limit)
        return []


def _names(direction: Direction, names: Any, problems: Problems) -> list[str]:
    """The names of one direction that are right."""
    if not isinstance(names, list):
        problems.add(("objectives", direction), "must be a list", value=names, hint=f'write it like ["{ACCURACY}"]')
        return []
    accepted: list[str] = []
    for index, name in enumerate(names[:_MAX_NAMES]):
        if refusal := _refusal(direction, name, accepted):
            rule, hint = refusal
            problems.add(("objectives", direction, index), rule, value=name, hint=hint)
        else:
            accepted.append(name)
    return accepted


def _refusal(direction: Direction, name: Any, before: list[str]) -> tuple[str, str] | None:
    if not isinstance(name, str):
        return f"must be one of {', '.join(sorted(DIRECTIONS))}", ""
    if name not in DIRECTIONS:
        return "unknown objective", did_you_mean(name[:100], DIRECTIONS)
    if DIRECTIONS[name] is not direction:
        better = "more" if direction is Direction.MINIMIZE else "less"
        return f"{better} is better here", f"move it to objectives.{DIRECTIONS[name]}"
    return ("is listed twice", "keep one") if name in before else None
