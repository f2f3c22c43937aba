"""What a search space can't give, found before anything runs: parameters, MACs and image sizes are closed forms."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.config.problems import Problems
from orchestrator.config.settings import LatencySettings
from orchestrator.config.smallest import Smallest, find_smallest
from orchestrator.objectives import KNOWN_COSTS, MACS, NUM_PARAMETERS, Constraint, format_quantity
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError, GeometryError
from search_spaces.space import SearchSpace

_UNITS = {NUM_PARAMETERS: " parameters", MACS: " MACs"}


def check_feasible(
    space: SearchSpace,
    task: Task,
    *,
    constraints: Sequence[Constraint],
    latency: LatencySettings,
    problems: Problems,
) -> None:
    """Refuses a space of which nothing can be built or nothing is small enough; warns of a family that is too large."""
    limits = [one for one in constraints if one.name in KNOWN_COSTS]
    bounds = {one.name: one.bound for one in limits}
    found = {one.family: find_smallest(one, task, bounds, latency) for one in space.families}
    for family, smallest in found.items():
        if not smallest.figures and smallest.refusal is not None:
            problems.add(("space", family), _unbuildable(task, smallest.refusal), hint=smallest.refusal.hint)
    for limit in limits:
        too_large = {family: one for family, one in found.items() if one.figures.get(limit.name, 0) > limit.bound}
        if len(too_large) == len(found):
            smallest = min(too_large.values(), key=lambda one: one.figures[limit.name])
            rule = _none_within(limit, smallest, "architecture")
            problems.add(("constraints", limit.name), rule, hint="raise the limit or widen the space")
            continue
        for family, smallest in too_large.items():
            problems.warn(("space", family), _none_within(limit, smallest, family), hint="none will be trained")


def _unbuildable(task: Task, refusal: ArchitectureError) -> str:
    if isinstance(refusal, GeometryError):
        side = f"{task.image_size}x{task.image_size}"
        return f"every architecture of this space shrinks {side} images below one pixel"
    return f"no architecture of this space can be built: {refusal.message}"


def _none_within(limit: Constraint, smallest: Smallest, what: str) -> str:
    which = "the smallest" if limit.name in smallest.exact else "the smallest found"
    figure, bound = (format_quantity(limit.name, value) for value in (smallest.figures[limit.name], limit.bound))
    of_what = _UNITS.get(limit.name, f" of {limit.name}")
    return f"no {what} of this space has at most {bound}{of_what}; {which} has {figure}"
