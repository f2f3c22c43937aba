"""What a report shows of a study: the front and its roles, families by index, and architectures in short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrator.objectives import ACCURACY, LATENCY_MS, MACS, NUM_PARAMETERS, format_quantity
from orchestrator.records import StudySnapshot, TrialRecord, TrialState
from orchestrator.report import wording
from orchestrator.selector import LatencyBasis, Policy, best, figure, front, interval, latency_basis
from orchestrator.selector.certainty import accuracy_interval
from search_spaces import registry

NUM_STYLES = 6
"""Colours and marker shapes of the page; a seventh family begins again."""

_ROLES = {
    Policy.ACCURATE: "most accurate",
    Policy.KNEE: "knee",
    Policy.SMALL: "smallest",
    Policy.FAST: "fastest",
}

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyView:
    """A study with what its report derives from it.

    Attributes:
        front: most accurate first.
        families: by name; a family's index picks its colour and its marker.
        labels: for what a trial stands out, by its number: its role on the front, the published network that it is.
        shown_fields: of each family, what tells its architectures apart.
    """

    snapshot: StudySnapshot
    front: tuple[TrialRecord, ...]
    front_numbers: frozenset[int]
    basis: LatencyBasis
    families: tuple[str, ...]
    labels: Mapping[int, str]
    shown_fields: Mapping[str, frozenset[str]]

    @property
    def completed(self) -> tuple[TrialRecord, ...]:
        return tuple(record for record in self.snapshot.records if record.state is TrialState.COMPLETED)

    @property
    def num_validation(self) -> int | None:
        """Images of the validation split; None where that is not known."""
        return self.snapshot.num_validation

    def style(self, record: TrialRecord) -> int:
        return self.families.index(record.family) % NUM_STYLES

    def value(self, record: TrialRecord, name: str) -> float:
        """A figure as the front compares it."""
        return figure(record, name, self.basis)

    def interval(self, record: TrialRecord, name: str) -> tuple[float, float]:
        """Between which ends a figure lies; twice the figure where it is exact or predicted."""
        return interval(record, name, self.basis)

    def accuracy_ends(self, record: TrialRecord) -> tuple[float, float]:
        """Of the 95 % interval of its accuracy; twice the accuracy where nothing is known of it."""
        known = accuracy_interval(record, self.num_validation)
        return (record.value(ACCURACY),) * 2 if known is None else (known.low, known.high)

    @property
    def further_costs(self) -> list[str]:
        """Objectives beside accuracy, parameters and latency."""
        usual = (ACCURACY, NUM_PARAMETERS, LATENCY_MS)
        return [objective.name for objective in self.snapshot.objectives if objective.name not in usual]

    @property
    def front_columns(self) -> tuple[str, ...]:
        """Names of what ``front_cells`` gives."""
        further = (name.replace("_", " ") for name in self.further_costs if name != MACS)
        seeds = ("further seeds",) if self.has_seeds else ()
        return ("family", "architecture", "parameters", "MACs", "latency", *further, "validation", *seeds, "test")

    @property
    def has_seeds(self) -> bool:
        """Whether a member of the front was trained again from other seeds."""
        return any(record.seeds for record in self.front)

    def architecture(self, record: TrialRecord) -> str:
        return wording.architecture(record.architecture, self.shown_fields[record.family])

    def front_cells(self, record: TrialRecord) -> tuple[str, ...]:
        """A member of the front as a table shows it."""
        further = (name for name in self.further_costs if name != MACS)
        return (
            record.family,
            self.architecture(record),
            f"{record.num_parameters:,}",
            wording.macs(record.macs),
            wording.latency(record),
            *(format_quantity(name, self.value(record, name)) for name in further),
            wording.accuracy(record.accuracy),
            *([wording.seeds(record)] if self.has_seeds else []),
            wording.accuracy(record.test_accuracy),
        )


def view_of(snapshot: StudySnapshot) -> StudyView:
    """Derives what a report shows."""
    by_family: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in snapshot.records:
        by_family[record.family].append(record.architecture)
    members = front(snapshot.records, snapshot.objectives, snapshot.constraints)
    return StudyView(
        snapshot=snapshot,
        front=members,
        front_numbers=frozenset(record.number for record in members),
        basis=latency_basis(snapshot.records, snapshot.objectives, snapshot.constraints),
        families=tuple(sorted(by_family)),
        labels=_labels(snapshot, has_front=bool(members)),
        shown_fields={family: wording.fields_that_differ(all_of_it) for family, all_of_it in by_family.items()},
    )


def thinned(items: Sequence[Item], limit: int) -> list[Item]:
    """At most so many of the items, evenly spaced."""
    if len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def _labels(snapshot: StudySnapshot, *, has_front: bool) -> dict[int, str]:
    labels: dict[int, list[str]] = defaultdict(list)
    for number, name in _published(snapshot.records):
        labels[number].append(name)
    for policy, role in _ROLES.items() if has_front else ():
        chosen = best(snapshot.records, snapshot.objectives, snapshot.constraints, policy)
        labels[chosen.record.number].append(role)
    return {number: ", ".join(names) for number, names in labels.items()}


def _published(records: Sequence[TrialRecord]) -> Iterator[tuple[int, str]]:
    """Trials whose network is a preset but for its input and its classes, and the preset's name."""
    names: dict[str, str] = {}
    for family, fields in {record.family: record.architecture for record in records}.items():
        if family in registry.list_families():
            names |= registry.preset_names(family, in_channels=fields["in_channels"], num_classes=fields["num_classes"])
    return ((record.number, names[record.architecture_id]) for record in records if record.architecture_id in names)
