"""Whether figures of several studies may stand side by side, and which: those under other conditions never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.compare.entry import Entry
from orchestrator.config.identity import differences
from orchestrator.errors import BadInputError
from orchestrator.explain.part import listed
from orchestrator.objectives import LATENCY_MS, Objective
from orchestrator.records import LatencyConditions
from orchestrator.report import wording
from orchestrator.selector import LatencyBasis

_SAME = ("data", "task")
"""What accuracy means; where it differs there is nothing to compare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What may be compared.

    Attributes:
        objectives: that all studies have, and whose figures hold under the same conditions.
        basis: what stands for latency in all of them.
        warnings: what has to be known beside the figures.
    """

    objectives: tuple[Objective, ...]
    basis: LatencyBasis
    warnings: tuple[str, ...]


def common_ground(entries: Sequence[Entry]) -> Ground:
    """What the studies have in common.

    Raises:
        BadInputError: fewer than two studies, or their data differ: then no figure of theirs can be compared.
    """
    if len(entries) < 2:
        raise BadInputError("one study alone has nothing to be compared with", hint="name two directories or more")
    first, *others = entries
    _check_data(first, others)
    shared = [one for one in first.snapshot.objectives if all(one in other.snapshot.objectives for other in others)]
    warnings = [
        *_other_training(first, others),
        *_other_objectives(entries, shared),
        *_other_constraints(first, others),
    ]
    basis, why_not = _latency(entries)
    if why_not and any(one.name == LATENCY_MS for one in shared):
        shared = [one for one in shared if one.name != LATENCY_MS or basis is not None]
        warnings.append(why_not)
    if not shared or len(shared) < 2:
        raise BadInputError(
            f"{' and '.join(entry.label for entry in entries)} have no two objectives that can be compared",
            hint="; ".join(warnings),
        )
    return Ground(objectives=tuple(shared), basis=basis or LatencyBasis.PREDICTED, warnings=tuple(warnings))


def _check_data(first: Entry, others: Sequence[Entry]) -> None:
    for other in others:
        if lines := _changes(first, other, _SAME):
            raise BadInputError(
                f"{first.label} and {other.label} are of different data, so their accuracies can't be compared:\n"
                + "\n".join(f"  {line}" for line in lines),
                hint="compare studies of the same [data]",
            )


def _other_training(first: Entry, others: Sequence[Entry]) -> list[str]:
    warnings = []
    for other in others:
        if lines := _changes(first, other, ("recipe",)):
            warnings.append(
                f"{other.label} trains by another recipe than {first.label} ({'; '.join(lines)}): the fronts compare "
                "the recipes, too"
            )
        seeds = [entry.frozen["study"]["seed"] for entry in (first, other)]
        if seeds[0] != seeds[1]:
            warnings.append(
                f"{other.label} has the seed {seeds[1]} and {first.label} {seeds[0]}: unless the data come with "
                "splits, their accuracies are of different validation images"
            )
    return warnings


def _other_objectives(entries: Sequence[Entry], shared: Sequence[Objective]) -> list[str]:
    return [
        f"{one.name} is an objective of {entry.label} and not of all: it is left out"
        for entry in entries
        for one in entry.snapshot.objectives
        if one not in shared
    ]


def _other_constraints(first: Entry, others: Sequence[Entry]) -> list[str]:
    return [
        f"{other.label} has other constraints than {first.label}: {'; '.join(lines)}"
        for other in others
        if (lines := _changes(first, other, ("constraints",)))
    ]


def _latency(entries: Sequence[Entry]) -> tuple[LatencyBasis | None, str]:
    """What latency may be compared by; None and why where it may not be."""
    is_measured = all(entry.basis is LatencyBasis.MEASURED for entry in entries)
    conditions = {one for entry in entries for one in _conditions(entry, is_measured=is_measured)}
    settings = {wording.inline(entry.frozen["latency"]) for entry in entries}
    if len(conditions or settings) > 1:
        told = "; ".join(f"{entry.label}: {_told(entry, is_measured=is_measured)}" for entry in entries)
        return None, f"latency holds under different conditions and is left out: {told}"
    if is_measured:
        return LatencyBasis.MEASURED, ""
    predicted = listed([entry.label for entry in entries if entry.basis is LatencyBasis.PREDICTED])
    return LatencyBasis.PREDICTED, (
        f"latency is compared as predicted, by each study's own predictor, because not all of the front of {predicted} "
        "is measured"
    )


def _conditions(entry: Entry, *, is_measured: bool) -> frozenset[LatencyConditions]:
    if is_measured:
        return entry.measured_under
    return frozenset() if entry.predicted_under is None else frozenset([entry.predicted_under])


def _told(entry: Entry, *, is_measured: bool) -> str:
    found = sorted(wording.conditions(one) for one in _conditions(entry, is_measured=is_measured))
    return " or ".join(found) or wording.inline(entry.frozen["latency"])


def _changes(first: Entry, other: Entry, tables: Sequence[str]) -> list[str]:
    def of(frozen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: frozen[name] for name in tables}

    return differences(of(first.frozen), of(other.frozen))
