"""What taking one trial in place of another changes: gained on one side, paid for on the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.objectives import (
    ACCURACY,
    FILE_BYTES,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    THROUGHPUT_PER_S,
    Objective,
    format_quantity,
)
from orchestrator.records import TrialRecord
from orchestrator.selector.certainty import accuracy_interval, is_too_close
from orchestrator.selector.dominance import LatencyBasis, figure, interval

TOO_CLOSE = "too close to call"

_COUNTED = {NUM_PARAMETERS: "parameters", MACS: "MACs"}
_OF = {FILE_BYTES: " of file", PEAK_MEMORY_BYTES: " of memory", THROUGHPUT_PER_S: " of throughput"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """By how much an objective is higher or lower.

    Attributes:
        amount: in the objective's unit; below 0 where the figure is lower.
        is_gain: whether that is the better direction.
        is_clear: beyond the noise, as far as that is known.
    """

    objective: Objective
    amount: float
    is_clear: bool

    @property
    def is_gain(self) -> bool:
        return self.objective.direction.sign * self.amount < 0

    def __str__(self) -> str:
        """Of a gain ``+0.40 points`` or ``12k parameters less``, of a price ``0.40 points`` or ``12k parameters``."""
        text = _size(self.objective.name, abs(self.amount))
        if self.is_gain:
            is_more = self.amount > 0
            text = f"+{text}" if self.objective.name == ACCURACY else f"{text} {'more' if is_more else 'less'}"
        return text if self.is_clear else f"{text} ({TOO_CLOSE})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What ``record`` has over another trial, and what it costs more than that.

    Attributes:
        changes: one for each objective, in their order.
    """

    record: TrialRecord
    changes: tuple[Change, ...]

    @property
    def is_clear(self) -> bool:
        """Whether any of it is beyond the noise."""
        return any(change.is_clear and change.amount != 0 for change in self.changes)

    def __str__(self) -> str:
        """``+0.40 points for 180k parameters and 0.7 ms``."""
        gains = [str(change) for change in self.changes if change.is_gain]
        prices = [str(change) for change in self.changes if not change.is_gain and change.amount != 0]
        if not gains and not prices:
            return "equal in every objective"
        text = " and ".join(gains) or "nothing gained"
        return f"{text} for {' and '.join(prices)}" if prices else text


def exchange(
    record: TrialRecord,
    other: TrialRecord,
    *,
    objectives: Iterable[Objective],
    basis: LatencyBasis,
    num_validation: int | None,
) -> Exchange:
    """What taking ``record`` in place of ``other`` changes.

    Args:
        num_validation: images of the split; None where it is not known: then an accuracy counts as exact.
    """
    changes = (
        Change(
            objective=one,
            amount=figure(record, one.name, basis) - figure(other, one.name, basis),
            is_clear=_is_clear(record, other, one.name, basis=basis, num_validation=num_validation),
        )
        for one in objectives
    )
    return Exchange(record=record, changes=tuple(changes))


def exchanges(
    chosen: TrialRecord,
    members: Sequence[TrialRecord],
    *,
    objectives: Sequence[Objective],
    basis: LatencyBasis,
    num_validation: int | None,
) -> tuple[Exchange, ...]:
    """What each of the members, but for the chosen trial, would change; in their order."""
    others = (member for member in members if member.number != chosen.number)
    return tuple(
        exchange(member, chosen, objectives=objectives, basis=basis, num_validation=num_validation) for member in others
    )


def _is_clear(
    record: TrialRecord, other: TrialRecord, name: str, *, basis: LatencyBasis, num_validation: int | None
) -> bool:
    if name == ACCURACY:
        is_close = is_too_close(record, other, num_validation)
        return not is_close and not _is_reversed(record, other, num_validation)
    (low, high), (other_low, other_high) = interval(record, name, basis), interval(other, name, basis)
    is_exact = low == high and other_low == other_high
    return is_exact or high < other_low or other_high < low


def _is_reversed(record: TrialRecord, other: TrialRecord, num_validation: int | None) -> bool:
    """Whether further seeds put two trials in another order than the search's own."""
    known, other_known = (accuracy_interval(one, num_validation) for one in (record, other))
    if known is None or other_known is None:
        return False
    return (known.mean - other_known.mean) * (record.value(ACCURACY) - other.value(ACCURACY)) < 0


def _size(name: str, amount: float) -> str:
    """``0.40 points``, ``180k parameters``, ``0.7 ms``, ``1.2 MB of memory``."""
    if name == ACCURACY:
        return f"{100 * amount:.2f} points"
    if name in _COUNTED:
        return f"{_short(amount)} {_COUNTED[name]}"
    return f"{format_quantity(name, amount)}{_OF.get(name, '')}"


def _short(count: float) -> str:
    """``9,188``, ``180k``, ``1.31M``: whole where a person can still take it in."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= max(0.9995 * factor, 1e5):
            return f"{count / factor:.3g}{unit}"
    return f"{count:,.0f}"
