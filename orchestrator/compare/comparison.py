"""Several studies on common ground: hypervolumes, coverage, what each found alone, and what each has cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from orchestrator.compare.comparable import Ground, common_ground
from orchestrator.compare.entry import Entry, read_entry
from orchestrator.compare.volume import coverage, front_rows, hypervolume, scaled_points
from orchestrator.errors import BadInputError
from orchestrator.records import TrialRecord, TrialState
from orchestrator.selector import LatencyBasis
from orchestrator.worth import cost_s

__all__ = ["Comparison", "Standing", "compare", "read_entry"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One study beside the others.

    Attributes:
        front: its own, in the objectives that are compared, most accurate first.
        on_joint_front: numbers of its trials on the front of all studies together.
        unseen: numbers of its front whose architecture no other study has tried.
        hypervolume: as ``volume`` defines it.
        training_s: seconds that its trials have trained here, all together.
    """

    label: str
    name: str
    front: tuple[TrialRecord, ...]
    on_joint_front: frozenset[int]
    unseen: frozenset[int]
    hypervolume: float
    states: Mapping[TrialState, int]
    wall_time_s: float
    training_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """Architectures that two studies have both trained to the end.

    Attributes:
        accuracy_gap: median of how far apart their accuracies are; None where there is no such architecture.
    """

    labels: tuple[str, str]
    num_architectures: int
    accuracy_gap: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What came of it.

    Attributes:
        coverage: by two labels, the share of the second's front that the first's is nowhere worse than.
        joint_hypervolume: of all studies together.
    """

    ground: Ground
    standings: tuple[Standing, ...]
    coverage: Mapping[tuple[str, str], float]
    joint_hypervolume: float
    shared: tuple[Shared, ...]


def compare(entries: Sequence[Entry]) -> Comparison:
    """Puts the studies' fronts over each other.

    Raises:
        BadInputError: their figures can't be compared, or two of them are the same study.
    """
    entries = _told_apart(entries)
    ground = common_ground(entries)
    trials = {entry.label: _compared(entry, ground.basis) for entry in entries}
    points = scaled_points(trials, ground.objectives, ground.basis)
    fronts = {label: points_NM[front_rows(points_NM)] for label, points_NM in points.items()}
    joint_NM = np.vstack(list(fronts.values()))
    best_NM = joint_NM[front_rows(joint_NM)]
    return Comparison(
        ground=ground,
        standings=tuple(
            _standing(entry, entries, trials[entry.label], points[entry.label], best_NM=best_NM) for entry in entries
        ),
        coverage={
            (one, other): coverage(fronts[one], fronts[other]) for one in fronts for other in fronts if one != other
        },
        joint_hypervolume=hypervolume(joint_NM),
        shared=tuple(_shared(one, other) for index, one in enumerate(entries) for other in entries[index + 1 :]),
    )


def _told_apart(entries: Sequence[Entry]) -> Sequence[Entry]:
    seen: dict[str, str] = {}
    for entry in entries:
        identity = entry.snapshot.study_id
        if identity in seen:
            raise BadInputError(
                f"{seen[identity]} and {entry.label} are the same study, {entry.snapshot.name}",
                hint="name another directory",
            )
        seen[identity] = entry.label
    return entries


def _compared(entry: Entry, basis: LatencyBasis) -> list[TrialRecord]:
    """The trials that stand for the study: the measured ones where figures are compared as measured."""
    return [record for record in entry.feasible if basis is LatencyBasis.PREDICTED or record.measured_under]


def _standing(
    entry: Entry,
    entries: Sequence[Entry],
    trials: Sequence[TrialRecord],
    points_NM: NDArray[np.float64],
    *,
    best_NM: NDArray[np.float64],
) -> Standing:
    rows: list[int] = np.flatnonzero(front_rows(points_NM)).tolist()
    members = sorted((trials[row] for row in rows), key=lambda record: (-(record.accuracy or 0.0), record.number))
    tried = {record.architecture_id for other in entries if other is not entry for record in other.snapshot.records}
    return Standing(
        label=entry.label,
        name=entry.snapshot.name,
        front=tuple(members),
        on_joint_front=frozenset(trials[row].number for row in rows if (best_NM == points_NM[row]).all(axis=1).any()),
        unseen=frozenset(record.number for record in members if record.architecture_id not in tried),
        hypervolume=hypervolume(points_NM),
        states=Counter(record.state for record in entry.snapshot.records),
        wall_time_s=entry.snapshot.wall_time_s,
        training_s=math.fsum(map(cost_s, entry.snapshot.records)),
    )


def _shared(one: Entry, other: Entry) -> Shared:
    accuracies = [
        {record.architecture_id: record.accuracy for record in entry.snapshot.records if record.accuracy is not None}
        for entry in (one, other)
    ]
    common = accuracies[0].keys() & accuracies[1].keys()
    gaps = [abs(accuracies[0][name] - accuracies[1][name]) for name in common]
    return Shared(
        labels=(one.label, other.label), num_architectures=len(common), accuracy_gap=median(gaps) if gaps else None
    )
