"""From records to the Pareto front, a selection inside limits, and the reasons for both."""

from orchestrator.selector.dominance import Domination, LatencyBasis, dominators, figure, front, is_feasible, latency_basis
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
    "is_feasible",
    "latency_basis",
]
