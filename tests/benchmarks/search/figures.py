"""The rows of a case: costs as multiples of the oracle's, and each method paired with ours, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.machine import median_interval
from tests.benchmarks.search.methods import OURS
from tests.benchmarks.search.outcome import Outcome
from tests.benchmarks.search.peer import SHARES


def rows(outcomes: Mapping[str, Sequence[Outcome]], oracle_cost_s: Sequence[float]) -> list[dict[str, Any]]:
    """One row for each share and method; medians over seeds with their bootstrap 95 % intervals.

    A search that never reaches a share counts with the cost at which it was given up, so a median above that cost is
    only known to be at least that; ``reached`` says for how many it is so.
    """
    return [
        _row(name, of_method, outcomes.get(OURS, ()), share=index, oracle_cost_s=oracle_cost_s[index])
        for index in range(len(SHARES))
        for name, of_method in outcomes.items()
    ]


def _row(
    name: str, outcomes: Sequence[Outcome], ours: Sequence[Outcome], *, share: int, oracle_cost_s: float
) -> dict[str, Any]:
    median, low, high = median_interval([outcome.cost_s[share] / oracle_cost_s for outcome in outcomes])
    return {
        "method": name,
        "n": len(outcomes),
        "share": f"{SHARES[share]:.0%}",
        "cost / oracle": median,
        "95 % low": low,
        "95 % high": high,
        "reached": sum(outcome.is_reached[share] for outcome in outcomes) / len(outcomes),
        **_paired(outcomes, ours, share=share),
    }


def _paired(outcomes: Sequence[Outcome], ours: Sequence[Outcome], *, share: int) -> dict[str, Any]:
    own = {outcome.seed: outcome.cost_s[share] for outcome in ours}
    ratios = [outcome.cost_s[share] / own[outcome.seed] for outcome in outcomes if outcome.seed in own]
    names = (f"/ {OURS}", "low", "high")
    return dict(zip(names, median_interval(ratios) if ratios else ("-", "-", "-"), strict=True))
