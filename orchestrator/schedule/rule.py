"""The rung decision: a trial goes on unless its chance to join the front is small. Arithmetic only, no Ray, no clock.

What a network costs is known exactly before it is trained, so the only unknown is its final accuracy. It joins the
front if it ends above every COMPLETED trial that costs no more than it in every respect. Its final accuracy is
predicted from its accuracy at the rung by a line fitted on COMPLETED trials (their accuracy at the same rung -> at the
end), with Student's t as the prediction's error: the fewer and the more scattered those trials are, the more doubt a
trial is given. That trials were stopped does not bias the line, because they were chosen by its input.

A fixed share of survivors, as in successive halving, is not used: how many trials of a space can reach the front
differs from space to space, and a rule by ranks stops trials that dominate all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtr

from orchestrator.objectives import LATENCY_MS, Direction, Objective
from orchestrator.records import TrialRecord

MIN_CHANCE = 0.05
"""A trial with a smaller chance to join the front is stopped."""

MIN_COMPLETED = 6
"""Nothing is stopped before so many trials have COMPLETED: fewer leave a line's error unknown."""

_RUNG_SHARES = (0.25, 0.5)

_ERROR_FLOOR = 0.01
"""Least residual error, as a share of the final accuracies' spread: points on a line by luck are no certainty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What the rule knows of a trial, in whatever state.

    Attributes:
        costs: the study's cost objectives, each to be minimised, in one order for all trials. Latency is predicted for
            all of them: it is what a running trial has.
        accuracy_at: validation accuracy by epoch.
        final_accuracy: of a COMPLETED trial.
    """

    costs: tuple[float, ...]
    accuracy_at: Mapping[int, float]
    final_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a trial goes on, and why.

    Attributes:
        chance: that it joins the front of the COMPLETED trials; 1 where nothing speaks against it.
        needed: the final accuracy it must exceed; None where every accuracy would do.
        predicted: its expected final accuracy; None where too few trials have COMPLETED.
    """

    go_on: bool
    chance: float
    needed: float | None
    predicted: float | None
    reason: str


def rungs(epochs: int, decay_share: float) -> tuple[int, ...]:
    """The epochs after which a trial may be stopped: a quarter and a half of those with a constant learning rate.

    There accuracy means the same whether or not training goes on; a trial whose learning rate decays is never stopped.
    """
    num_constant = epochs * (1.0 - decay_share)
    candidates = {max(1, round(share * num_constant)) for share in _RUNG_SHARES}
    return tuple(sorted(epoch for epoch in candidates if epoch <= num_constant and epoch < epochs))


def progress(record: TrialRecord, objectives: Sequence[Objective]) -> Progress:
    """The part of a record that the rule looks at."""
    costs = (objective.name for objective in objectives if objective.direction is Direction.MINIMIZE)
    return Progress(
        costs=tuple(record.predicted_latency_ms if name == LATENCY_MS else record.value(name) for name in costs),
        accuracy_at={report.epoch: report.accuracy for report in record.reports if math.isfinite(report.accuracy)},
        final_accuracy=record.accuracy,
    )


def decide(candidate: Progress, history: Iterable[Progress], *, rung: int) -> Decision:
    """Whether a trial that has reached a rung goes on, given the other trials; their order does not matter.

    Raises:
        ValueError: the candidate has no accuracy at the rung.
    """
    if rung not in candidate.accuracy_at:
        raise ValueError(f"the trial has no accuracy at epoch {rung}")
    others = tuple(history)
    completed = [(other, other.final_accuracy) for other in others if other.final_accuracy is not None]
    needed = max((final for other, final in completed if _costs_no_more(other, candidate)), default=None)
    if needed is None:
        return _go_on("no COMPLETED trial costs as little: it joins the front at any accuracy")
    line = _fit([(other.accuracy_at[rung], final) for other, final in completed if rung in other.accuracy_at])
    if line is None:
        return _go_on(f"fewer than {MIN_COMPLETED} COMPLETED trials that differ at epoch {rung}", needed=needed)
    value = candidate.accuracy_at[rung]
    return _judge(
        chance=line.chance_above(needed, value),
        needed=needed,
        predicted=line.at(value),
        is_dominated=any(_dominates(other, candidate, rung=rung) for other in others),
    )


def _judge(*, chance: float, needed: float, predicted: float, is_dominated: bool) -> Decision:
    go_on = chance >= MIN_CHANCE or not is_dominated
    reason = f"chance {chance:.3f} to end above {needed:.4f}, predicted {predicted:.4f}"
    if go_on and chance < MIN_CHANCE:
        reason += "; goes on because no trial dominates it at this epoch"
    return Decision(go_on=go_on, chance=chance, needed=needed, predicted=predicted, reason=reason)


def _go_on(reason: str, *, needed: float | None = None) -> Decision:
    return Decision(go_on=True, chance=1.0, needed=needed, predicted=None, reason=reason)


def _costs_no_more(other: Progress, candidate: Progress) -> bool:
    return all(cost <= own for cost, own in zip(other.costs, candidate.costs, strict=True))


def _dominates(other: Progress, candidate: Progress, *, rung: int) -> bool:
    value, own = other.accuracy_at.get(rung), candidate.accuracy_at[rung]
    if value is None or not _costs_no_more(other, candidate):
        return False
    return value > own or (value == own and other.costs != candidate.costs)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A least-squares line through (accuracy at the rung, final accuracy), never falling."""

    num_points: int
    mean: tuple[float, float]
    slope: float
    spread: float
    error: float

    def at(self, value: float) -> float:
        return self.mean[1] + self.slope * (value - self.mean[0])

    def chance_above(self, needed: float, value: float) -> float:
        """The chance of a final accuracy above ``needed``, by the t distribution of a new observation."""
        leverage = 1.0 + 1.0 / self.num_points + (value - self.mean[0]) ** 2 / self.spread
        gap = self.at(value) - needed
        return float(stdtr(self.num_points - 2, gap / (self.error * math.sqrt(leverage))))


def _fit(pairs: Sequence[tuple[float, float]]) -> _Line | None:
    """None where a line says nothing: too few points, all equal at the rung, or all equal at the end."""
    num_points = len(pairs)
    if num_points < MIN_COMPLETED:
        return None
    # fsum rounds once, so that the order of the trials can't change a decision.
    mean_x = math.fsum(x for x, _ in pairs) / num_points
    mean_y = math.fsum(y for _, y in pairs) / num_points
    spread_x = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    spread_y = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    if any(len(set(column)) == 1 for column in zip(*pairs, strict=True)) or not (spread_x and spread_y):
        return None
    # A falling line would call the trial that is ahead the loser; it is chance, and no reason to stop anyone.
    slope = max(0.0, math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread_x)
    residual = math.fsum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in pairs)
    floor = _ERROR_FLOOR * math.sqrt(spread_y / num_points)
    error = max(math.sqrt(residual / (num_points - 2)), floor)
    return _Line(num_points=num_points, mean=(mean_x, mean_y), slope=slope, spread=spread_x, error=error)
