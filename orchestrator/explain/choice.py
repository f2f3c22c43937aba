"""Why one trial was chosen: what others of the front would change, what lies beyond the limits, who lost to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.explain.part import listed
from orchestrator.objectives import ACCURACY, Constraint
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.report import wording
from orchestrator.selector import (
    Dominated,
    Exchange,
    LatencyBasis,
    Policy,
    Selection,
    best,
    dominated,
    exchanges,
    front,
    is_feasible,
    latency_basis,
)
from orchestrator.selector.certainty import Basis, accuracy_interval, is_too_close

MAX_LINES = 12
"""Of each kind, in words; as JSON there are all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A selection with its surroundings.

    Attributes:
        inside: what taking another member of the front inside the limits would change.
        outside: the same for members of the study's front that the limits leave out.
        losers: trials inside the limits that are off the front, and by whom each is dominated.
        num_validation: images of the split; None where it is not known.
    """

    selection: Selection
    inside: tuple[Exchange, ...]
    outside: tuple[tuple[Exchange, tuple[Constraint, ...]], ...]
    losers: tuple[Dominated, ...]
    num_validation: int | None


def choice_of(snapshot: StudySnapshot, limits: Sequence[Constraint], policy: Policy) -> Choice:
    """Chooses inside the study's constraints and the limits, and explains it.

    Raises:
        NothingFeasibleError: as ``selector.best``.
    """
    everyone, objectives = snapshot.records, snapshot.objectives
    inside = [*snapshot.constraints, *limits]
    selection = best(everyone, objectives, inside, policy)
    bases = {latency_basis(everyone, objectives, limited) for limited in (inside, snapshot.constraints)}
    beyond = [one for one in front(everyone, objectives, snapshot.constraints) if not is_feasible(one, limits)]

    def from_chosen(members: Sequence[TrialRecord], basis: LatencyBasis) -> tuple[Exchange, ...]:
        num_validation = snapshot.num_validation
        return exchanges(selection.record, members, objectives=objectives, basis=basis, num_validation=num_validation)

    return Choice(
        selection=selection,
        inside=from_chosen(front(everyone, objectives, inside), latency_basis(everyone, objectives, inside)),
        # Measured is compared with measured: one of the two may not be, where the two fronts differ in that.
        outside=tuple(
            (one, tuple(limit for limit in limits if not is_feasible(one.record, [limit])))
            for one in from_chosen(beyond, bases.pop() if len(bases) == 1 else LatencyBasis.PREDICTED)
        ),
        losers=dominated(everyone, objectives, inside),
        num_validation=snapshot.num_validation,
    )


def sentences(choice: Choice) -> Iterator[str]:
    """The explanation as lines of plain text."""
    number = choice.selection.record.number
    yield from _certainty(choice)
    if choice.inside:
        yield f"in place of trial {number}, others of the front would give"
        yield from _lines(choice.inside)
    if choice.outside:
        yield "and beyond the limits"
        yield from _lines([one for one, _ in choice.outside], [_broken(limits) for _, limits in choice.outside])
    if choice.losers:
        yield f"not on the front: {wording.count(len(choice.losers), 'trial')} inside the limits"
        yield from (_loss(loser) for loser in choice.losers[:MAX_LINES])
        yield from _more(len(choice.losers))


def to_json(choice: Choice) -> dict[str, Any]:
    """The same for a program, unrounded."""
    interval = accuracy_interval(choice.selection.record, choice.num_validation)
    return {
        "num_validation": choice.num_validation,
        "accuracy_interval": asdict(interval) if interval else None,
        "exchanges": [_exchange_json(one) for one in choice.inside],
        "beyond_limits": [
            {**_exchange_json(one), "breaks": [str(limit) for limit in limits]} for one, limits in choice.outside
        ],
        "dominated": [
            {
                "trial": loser.record.number,
                "by": loser.by.record.number,
                "margins": dict(loser.by.margins),
                "num_more": loser.num_more,
            }
            for loser in choice.losers
        ],
    }


def _certainty(choice: Choice) -> Iterator[str]:
    """How far the accuracies can be trusted, and for whom the choice was too close to call."""
    record = choice.selection.record
    found = accuracy_interval(record, choice.num_validation)
    if found is None:
        yield "how far accuracies can be trusted is not known: nothing says how many validation images there were"
        return
    over = "further seed" if found.basis is Basis.SEEDS else "validation image"
    yield (
        f"accuracy {wording.accuracy(found.mean)} over {wording.count(found.count, over)}: "
        f"{wording.accuracy(found.low)} to {wording.accuracy(found.high)} with 95 %"
    )
    close = [one for one in choice.inside if is_too_close(one.record, record, choice.num_validation)]
    if close:
        numbers = listed([str(one.record.number) for one in close])
        named = f"{'trial' if len(close) == 1 else 'trials'} {numbers}"
        yield f"too close to call by accuracy: {named}{_cheapest(close)}"


def _cheapest(close: Sequence[Exchange]) -> str:
    """Of trials that accuracy can't tell apart, which saves the most of each cost."""
    found = []
    for index, change in enumerate(close[0].changes):
        sign, name = change.objective.direction.sign, change.objective.name
        best_one = min(close, key=lambda one: sign * one.changes[index].amount)
        if name != ACCURACY and best_one.changes[index].is_gain and best_one.changes[index].is_clear:
            found.append(f"{best_one.record.number} for {name}")
    return f"; take {listed(found)}" if found else ""


def _lines(found: Sequence[Exchange], notes: Sequence[str] = ()) -> Iterator[str]:
    for index, one in enumerate(found[:MAX_LINES]):
        note = f"; {notes[index]}" if notes else ""
        yield f"  trial {one.record.number:>4}  {one}{note}"
    yield from _more(len(found))


def _more(count: int) -> Iterator[str]:
    if count > MAX_LINES:
        yield f"  and {count - MAX_LINES:,} more"


def _broken(limits: Sequence[Constraint]) -> str:
    return f"not {listed([str(limit) for limit in limits])}"


def _loss(loser: Dominated) -> str:
    more = f", and {loser.num_more:,} more do" if loser.num_more else ""
    return f"  trial {loser.record.number:>4}  dominated by trial {loser.by.record.number}: {loser.by.text}{more}"


def _exchange_json(one: Exchange) -> dict[str, Any]:
    return {
        "trial": one.record.number,
        "changes": {
            change.objective.name: {"amount": change.amount, "is_clear": change.is_clear} for change in one.changes
        },
        "text": str(one),
    }
