"""What a search was worth: hypervolume over cost beside random orders, how well rungs rank, what stopping saved."""

from orchestrator.worth.growth import Growth, growth
from orchestrator.worth.ranking import RankCorrelation, rank_correlation, spearman, stop_epochs
from orchestrator.worth.spending import Spending, cost_s, full_cost_s, full_epochs, spending

__all__ = [
    "Growth",
    "RankCorrelation",
    "Spending",
    "cost_s",
    "full_cost_s",
    "full_epochs",
    "growth",
    "rank_correlation",
    "spearman",
    "spending",
    "stop_epochs",
]
