"""What a search space can't give, found before anything runs: parameters, MACs and image sizes are closed forms."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.config.problems import Problems
from orchestrator.config.smallest import FIGURES, Smallest, find_smallest
from orchestrator.objectives import MACS, NUM_PARAMETERS, Constraint
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError, GeometryError
from search_spaces.space import SearchSpace

_UNITS = {NUM_PARAMETERS: "parameters", MACS: "MACs"}


def check_feasible(space: SearchSpace, task: Task, constraints: Sequence[Constraint], problems: Problems) -> None:
    """Refuses a space of which nothing can be built or nothing is small enough; warns of a family that is too large."""
    bounds = {one.name: one.bound for one in constraints if one.name in FIGURES}
    found = {one.family: find_smallest(one, task, bounds) for one in space.families}
    for family, smallest in found.items():
        if not smallest.figures and smallest.refusal is not None:
            _refuse_family(family, task, smallest.refusal, problems)
    built = {family: smallest for family, smallest in found.items() if smallest.figures}
    for name, bound in bounds.items():
        too_large = {family: one for family, one in built.items() if one.figures[name] > bound}
        if too_large and len(too_large) == len(found):
            smallest = min(too_large.values(), key=lambda one: one.figures[name])
            rule = _none_within(name, bound, smallest, "architecture")
            problems.add(("constraints", name), rule, hint="raise the limit or widen the space")
        else:
            for family, smallest in too_large.items():
                rule = _none_within(name, bound, smallest, family)
                problems.warn(("space", family), rule, hint="none will be trained")


def _refuse_family(family: str, task: Task, refusal: ArchitectureError, problems: Problems) -> None:
    side = f"{task.image_size}x{task.image_size}"
    rule = f"no architecture of this space can be built: {refusal.message}"
    if isinstance(refusal, GeometryError):
        rule = f"every architecture of this space shrinks {side} images below one pixel"
    problems.add(("space", family), rule, hint=refusal.hint)


def _none_within(name: str, bound: float, smallest: Smallest, what: str) -> str:
    which = "the smallest" if smallest.is_exact else "the smallest found"
    figure = f"{which} has {smallest.figures[name]:,}"
    return f"no {what} of this space has at most {bound:,.0f} {_UNITS[name]}; {figure}"
