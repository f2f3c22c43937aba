"""The schedulers' rules over lists of trials: as they are, and written out without arrays as oracles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import stdtr

from orchestrator import pareto
from orchestrator.schedule import asha, rule
from orchestrator.schedule.progress import Peers, Progress


def decide(
    candidate: Progress, history: Sequence[Progress], *, rung: int, min_accuracy: float | None = None
) -> rule.Decision:
    """The rule ``front``."""
    return rule.decide(candidate, Peers.at(rung, history), min_accuracy=min_accuracy)


def halve(candidate: Progress, history: Sequence[Progress], *, rung: int) -> rule.Decision:
    """The rule ``asha``."""
    return asha.decide(candidate, Peers.at(rung, history))


def plain_chance(candidate: Progress, history: Sequence[Progress], *, rung: int) -> tuple[float, bool]:
    """The chance of the rule ``front``, and whether the trial goes on."""
    completed = [(other, other.final_accuracy) for other in history if other.final_accuracy is not None]
    cheaper = [final for other, final in completed if _costs_no_more(other, candidate)]
    pairs = [(other.accuracy_at[rung], final) for other, final in completed if rung in other.accuracy_at]
    if not cheaper or len(pairs) < 6 or len({x for x, _ in pairs}) == 1 or len({y for _, y in pairs}) == 1:
        return 1.0, True
    num = len(pairs)
    mean_x, mean_y = (math.fsum(column) / num for column in zip(*pairs, strict=True))
    spread_x = math.fsum((x - mean_x) * (x - mean_x) for x, _ in pairs)
    spread_y = math.fsum((y - mean_y) * (y - mean_y) for _, y in pairs)
    slope = max(0.0, math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread_x)
    errors = [y - mean_y - slope * (x - mean_x) for x, y in pairs]
    scatter = math.sqrt(math.fsum(error * error for error in errors) / (num - 2))
    value = candidate.accuracy_at[rung]
    leverage = 1.0 + 1.0 / num + (value - mean_x) ** 2 / spread_x
    error = max(scatter, 0.01 * math.sqrt(spread_y / num)) * math.sqrt(leverage)
    chance = float(stdtr(num - 2, (mean_y + slope * (value - mean_x) - max(cheaper)) / error))
    return chance, chance >= rule.MIN_CHANCE or not any(dominates(other, candidate, rung=rung) for other in history)


def dominates(other: Progress, candidate: Progress, *, rung: int) -> bool:
    return rung in other.accuracy_at and pareto.dominates(point(other, rung), point(candidate, rung))


def point(one: Progress, rung: int) -> list[float]:
    """What is compared at a rung, all to be minimised."""
    return [-one.accuracy_at[rung], *one.costs]


def _costs_no_more(other: Progress, candidate: Progress) -> bool:
    return all(cost <= own for cost, own in zip(other.costs, candidate.costs, strict=True))
