"""A study as it is compared: its records, and under which conditions its figures hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config.identity import completed
from orchestrator.measure.conditions import conditions_from_dict
from orchestrator.objectives import LATENCY_MS, THROUGHPUT_PER_S
from orchestrator.records import LatencyConditions, StudySnapshot, TrialRecord, TrialState
from orchestrator.selector import LatencyBasis, is_feasible, latency_basis
from orchestrator.store.reading import opened
from orchestrator.store.remote_study import origin_of
from orchestrator.store.rows import read_records
from orchestrator.store.snapshot import snapshot_of

_PREDICTORS = {LATENCY_MS: "predictor", THROUGHPUT_PER_S: "throughput_predictor"}
"""Among a study's constants, as ``measure.forecast`` writes them; of a predictor the conditions alone are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One of the studies that are compared.

    Attributes:
        label: what it is called beside the others: its directory or address, as it was given.
        predicted_under: the conditions that its predictors were fitted under, by the name of the figure; empty before
            that was done.
    """

    label: str
    snapshot: StudySnapshot
    predicted_under: Mapping[str, LatencyConditions] = field(default_factory=dict)

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

    def conditions(self, name: str, basis: LatencyBasis) -> frozenset[LatencyConditions]:
        """Under which a figure holds that is timed; several where not all trials were measured alike."""
        if basis is LatencyBasis.PREDICTED:
            return frozenset({self.predicted_under[name]} if name in self.predicted_under else ())
        timed = (record.timed(name) for record in self.feasible)
        return frozenset(one.conditions for one in timed if one is not None)


def read_entry(directory: Path) -> Entry:
    """Reads a study.

    Raises:
        StudyError: there is none.
    """
    with opened(directory) as database, database.one_moment():
        constants = json.loads(database.rows("SELECT constants FROM study")[0]["constants"])
        snapshot = snapshot_of(database, read_records(database).values())
    predicted_under = {
        name: conditions_from_dict(predictor["conditions"])
        for name, key in _PREDICTORS.items()
        if (predictor := constants.get(key))
    }
    return Entry(label=origin_of(directory) or str(directory), snapshot=snapshot, predicted_under=predicted_under)
