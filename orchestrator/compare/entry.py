"""A study as it is compared: its records, and under which conditions its figures hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.identity import completed
from orchestrator.records import LatencyConditions, StudySnapshot, TrialRecord, TrialState
from orchestrator.selector import LatencyBasis, is_feasible, latency_basis
from orchestrator.store.reading import opened
from orchestrator.store.remote_study import origin_of
from orchestrator.store.rows import read_records
from orchestrator.store.snapshot import snapshot_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One of the studies that are compared.

    Attributes:
        label: what it is called beside the others: its directory or address, as it was given.
        predicted_under: the conditions that its latency predictor was fitted under; None before that was done.
    """

    label: str
    snapshot: StudySnapshot
    predicted_under: LatencyConditions | None = None

    @property
    def frozen(self) -> Mapping[str, Any]:
        """The study's settings, with those that were added since it was made."""
        return completed(self.snapshot.frozen)

    @property
    def feasible(self) -> Sequence[TrialRecord]:
        """COMPLETED trials inside the study's constraints."""
        records = (one for one in self.snapshot.records if one.state is TrialState.COMPLETED)
        return [record for record in records if is_feasible(record, self.snapshot.constraints)]

    @property
    def basis(self) -> LatencyBasis:
        snapshot = self.snapshot
        return latency_basis(snapshot.records, snapshot.objectives, snapshot.constraints)

    @property
    def measured_under(self) -> frozenset[LatencyConditions]:
        return frozenset(record.latency.conditions for record in self.feasible if record.latency is not None)


def read_entry(directory: Path) -> Entry:
    """Reads a study.

    Raises:
        StudyError: there is none.
    """
    with opened(directory) as database, database.one_moment():
        constants = json.loads(database.rows("SELECT constants FROM study")[0]["constants"])
        snapshot = snapshot_of(database, read_records(database).values())
    predictor = constants.get("predictor")
    conditions = _conditions(predictor["conditions"]) if predictor else None
    return Entry(label=origin_of(directory) or str(directory), snapshot=snapshot, predicted_under=conditions)


def _conditions(fields: Mapping[str, Any]) -> LatencyConditions:
    return LatencyConditions(**{**fields, "input_shape": tuple(fields["input_shape"])})
