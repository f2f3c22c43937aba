"""Whether figures of several studies may stand side by side, and which: those under other conditions never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.compare.entry import Entry
from orchestrator.config.identity import differences
from orchestrator.errors import BadInputError
from orchestrator.explain.part import listed
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S, TIMED, Objective
from orchestrator.report import wording
from orchestrator.selector import LatencyBasis

_SAME = ("data", "task")
"""What accuracy means; where it differs there is nothing to compare."""

_WORDS = {LATENCY_MS: "latency", THROUGHPUT_PER_S: "throughput"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What may be compared.

    Attributes:
        objectives: that all studies have, and whose figures hold under the same conditions.
        basis: what stands for figures that are timed, in all of them.
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
    basis = _basis(entries)
    apart = {one.name: text for one in shared if one.name in TIMED and (text := _under_other(entries, one.name, basis))}
    shared = [one for one in shared if one.name not in apart]
    timed = [one.name for one in shared if one.name in TIMED]
    warnings += [*apart.values(), *(_as_predicted(entries, timed) if basis is LatencyBasis.PREDICTED else ())]
    if len(shared) < 2:
        raise BadInputError(
            f"{' and '.join(entry.label for entry in entries)} have no two objectives that can be compared",
            hint="; ".join(warnings),
        )
    # Where nothing timed is compared, trials that were not measured count as well.
    return Ground(objectives=tuple(shared), basis=basis if timed else LatencyBasis.PREDICTED, warnings=tuple(warnings))


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


def _basis(entries: Sequence[Entry]) -> LatencyBasis:
    """Measured figures where all fronts are measured: they are never compared with predicted ones."""
    is_measured = all(entry.basis is LatencyBasis.MEASURED for entry in entries)
    return LatencyBasis.MEASURED if is_measured else LatencyBasis.PREDICTED


def _under_other(entries: Sequence[Entry], name: str, basis: LatencyBasis) -> str:
    """Why a figure that is timed may not be compared; empty where it may."""
    conditions = {one for entry in entries for one in entry.conditions(name, basis)}
    settings = {wording.inline(entry.frozen["latency"]) for entry in entries}
    if len(conditions or settings) <= 1:
        return ""
    told = "; ".join(f"{entry.label}: {_told(entry, name, basis)}" for entry in entries)
    return f"{_WORDS[name]} holds under different conditions and is left out: {told}"


def _told(entry: Entry, name: str, basis: LatencyBasis) -> str:
    found = sorted(wording.conditions(one) for one in entry.conditions(name, basis))
    return " or ".join(found) or wording.inline(entry.frozen["latency"])


def _as_predicted(entries: Sequence[Entry], names: Sequence[str]) -> list[str]:
    labels = listed([entry.label for entry in entries if entry.basis is LatencyBasis.PREDICTED])
    return [
        f"{_WORDS[name]} is compared as predicted, by each study's own predictor, because not all of the front of "
        f"{labels} is measured"
        for name in names
    ]


def _changes(first: Entry, other: Entry, tables: Sequence[str]) -> list[str]:
    def of(frozen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: frozen[name] for name in tables}

    return differences(of(first.frozen), of(other.frozen))
