"""From records to the Pareto front, a selection inside limits, and the reasons for both.

numpy is imported where it computes: the names alone (policies for ``--help``) cost nothing.
"""

from orchestrator.selector.dominance import (
    Dominated,
    Domination,
    LatencyBasis,
    dominated,
    dominators,
    figure,
    front,
    interval,
    is_feasible,
    latency_basis,
)
from orchestrator.selector.exchange import Change, Exchange, exchanges
from orchestrator.selector.policies import Policy, Selection, best

__all__ = [
    "Change",
    "Dominated",
    "Domination",
    "Exchange",
    "LatencyBasis",
    "Policy",
    "Selection",
    "best",
    "dominated",
    "dominators",
    "exchanges",
    "figure",
    "front",
    "interval",
    "is_feasible",
    "latency_basis",
]
