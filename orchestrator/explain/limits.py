"""By how much a network breaks a limit, in words."""

from __future__ import annotations

from orchestrator.objectives import DIRECTIONS, Constraint, format_quantity
from orchestrator.selector.dominance import percent


def breach(limit: Constraint, violation: float) -> str:
    """``num_parameters 1,310,000 breaks the limit of num_parameters at most 1,000,000 by 31 %``."""
    value = limit.bound + DIRECTIONS[limit.name].sign * violation * (abs(limit.bound) or 1.0)
    return f"{limit.name} {format_quantity(limit.name, value)} breaks the limit of {limit} by {percent(violation)}"
