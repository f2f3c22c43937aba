"""A study as one value: what reports, selections and exports are made from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from orchestrator.config.identity import from_frozen
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.store.database import Database


def snapshot_of(database: Database, records: Iterable[TrialRecord]) -> StudySnapshot:
    """The study as its database has it, with these records of it."""
    row = database.rows("SELECT * FROM study")[0]
    refusals = database.rows("SELECT refusal, count(*) AS n FROM ask WHERE refusal IS NOT NULL GROUP BY refusal")
    frozen: dict[str, Any] = json.loads(row["frozen"])
    config = from_frozen(frozen, name=row["name"])
    constants: dict[str, Any] = json.loads(row["constants"])
    return StudySnapshot(
        name=row["name"],
        study_id=row["study_id"],
        objectives=config.objectives,
        constraints=config.constraints,
        frozen=frozen,
        records=tuple(records),
        num_refused={item["refusal"]: item["n"] for item in refusals},
        created_at=row["created_at"],
        wall_time_s=row["wall_time_s"],
        provenance=constants.get("provenance", {}),
    )
