"""The rung decision: a trial goes on unless its chance to join the front is small. Arithmetic only, no Ray, no clock.

What a network costs is known exactly before it is trained, so the only unknown is its final accuracy. It joins the
front if it ends above every COMPLETED trial that costs no more than it in every respect, and not below the study's
limit of accuracy where there is one. Its final accuracy is predicted from its accuracy at the rung by a line fitted on
COMPLETED trials (their accuracy at the same rung -> at the end), with Student's t as the prediction's error: the fewer
and the more scattered those trials are, the more doubt a trial is given. That trials were stopped does not bias the
line, because they were chosen by its input.

A fixed share of survivors, as in successive halving (``asha.py``), is not used here: how many trials of a space can
reach the front differs from space to space.

Suffix: N trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from orchestrator.schedule.progress import Peers, Progress, value_at

MIN_CHANCE = 0.1
"""A trial with a smaller chance to join the front is stopped."""

MIN_COMPLETED = 6
"""Nothing is stopped before so many trials have COMPLETED: fewer leave a line's error unknown."""

_RUNG_SHARES = (0.25, 0.5)

_ERROR_FLOOR = 0.01
"""Least residual error, as a share of the final accuracies' spread: points on a line by luck are no certainty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a trial goes on, and why.

    Attributes:
        reason: in words, with the figures that decided.
        chance: that it joins the front of the COMPLETED trials; 1 where nothing speaks against it, None where the
            scheduler predicts nothing.
        needed: the final accuracy it must reach; None where every accuracy would do.
        predicted: its expected final accuracy; None where too few trials have COMPLETED.
    """

    go_on: bool
    reason: str
    chance: float | None = None
    needed: float | None = None
    predicted: float | None = None


def rungs(epochs: int, decay_share: float) -> tuple[int, ...]:
    """The epochs after which a trial may be stopped: a quarter and a half of those with a constant learning rate.

    There accuracy means the same whether or not training goes on; a trial whose learning rate decays is never stopped.
    """
    num_constant = epochs * (1.0 - decay_share)
    candidates = {max(1, round(share * num_constant)) for share in _RUNG_SHARES}
    return tuple(sorted(epoch for epoch in candidates if epoch <= num_constant and epoch < epochs))


def decide(candidate: Progress, peers: Peers, *, min_accuracy: float | None = None) -> Decision:
    """Whether a trial that has reached a rung goes on, given the other trials; their order does not matter.

    Args:
        min_accuracy: below which no network stands on the front.

    Raises:
        ValueError: the candidate has no accuracy at the rung.
    """
    value = value_at(candidate, peers.rung)
    finals_N = peers.final_N[peers.cost_no_more(candidate) & ~np.isnan(peers.final_N)]
    best = float(finals_N.max()) if finals_N.size else None
    if best is None and min_accuracy is None:
        return _go_on("no COMPLETED trial costs as little: it joins the front at any accuracy")
    needed = max(value for value in (best, min_accuracy) if value is not None)
    is_known_N = peers.has_value & ~np.isnan(peers.final_N)
    line = _fit(peers.value_N[is_known_N], peers.final_N[is_known_N])
    if line is None:
        return _go_on(f"fewer than {MIN_COMPLETED} COMPLETED trials that differ at epoch {peers.rung}", needed=needed)
    return _judge(
        chance=line.chance_above(needed, value),
        needed=needed,
        predicted=line.at(value),
        # That nobody dominates it at this epoch helps against other networks, not against the limit.
        is_spared=best == needed and not peers.dominate(candidate).any(),
    )


def _judge(*, chance: float, needed: float, predicted: float, is_spared: bool) -> Decision:
    go_on = chance >= MIN_CHANCE or is_spared
    reason = f"chance {chance:.3f} to end above {needed:.4f}, predicted {predicted:.4f}"
    if go_on and chance < MIN_CHANCE:
        reason += "; goes on because no trial dominates it at this epoch"
    return Decision(go_on=go_on, chance=chance, needed=needed, predicted=predicted, reason=reason)


def _go_on(reason: str, *, needed: float | None = None) -> Decision:
    return Decision(go_on=True, chance=1.0, needed=needed, predicted=None, reason=reason)


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


def _fit(x_N: NDArray[np.float64], y_N: NDArray[np.float64]) -> _Line | None:
    """None where a line says nothing: too few points, all equal at the rung, or all equal at the end."""
    num_points = len(x_N)
    if num_points < MIN_COMPLETED or not (np.ptp(x_N) and np.ptp(y_N)):
        return None
    mean_x, mean_y = _sum(x_N) / num_points, _sum(y_N) / num_points
    dx_N, dy_N = x_N - mean_x, y_N - mean_y
    spread_x, spread_y = _sum(dx_N * dx_N), _sum(dy_N * dy_N)
    if not (spread_x and spread_y):
        return None
    # A falling line would call the trial that is ahead the loser; it is chance, and no reason to stop anyone.
    slope = max(0.0, _sum(dx_N * dy_N) / spread_x)
    residual_N = dy_N - slope * dx_N
    floor = _ERROR_FLOOR * math.sqrt(spread_y / num_points)
    error = max(math.sqrt(_sum(residual_N * residual_N) / (num_points - 2)), floor)
    return _Line(num_points=num_points, mean=(mean_x, mean_y), slope=slope, spread=spread_x, error=error)


def _sum(terms_N: NDArray[np.float64]) -> float:
    """Rounded once, so that the order of the trials can't change a decision."""
    return math.fsum(terms_N.tolist())
