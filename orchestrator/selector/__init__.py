"""From records to the Pareto front, a selection inside limits, and the reasons for both.

numpy is imported where it computes: the names alone (policies for ``--help``) cost nothing.
"""

from orchestrator.selector.dominance import (
    Domination,
    LatencyBasis,
    dominators,
    figure,
    front,
    interval,
    is_feasible,
    latency_basis,
)
from orchestrator.selector.policies import Policy, Selection, best

__all__ = [
    "Domination",
    "LatencyBasis",
    "Policy",
    "Selection",
    "best",
    "dominators",
    "figure",
    "front",
    "interval",
    "is_feasible",
    "latency_basis",
]
