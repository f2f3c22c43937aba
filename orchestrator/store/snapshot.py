"""A study as one value: what reports, selections and exports are made from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from orchestrator.config.identity import from_frozen
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.store.database import Database
from orchestrator.store.num_images import num_validation_images
from orchestrator.store.paths import StudyPaths


def snapshot_of(database: Database, records: Iterable[TrialRecord]) -> StudySnapshot:
    """The study as its database has it, with these records of it."""
    row = database.rows("SELECT * FROM study")[0]
    refusals = database.rows("SELECT refusal, count(*) AS n FROM ask WHERE refusal IS NOT NULL GROUP BY refusal")
    frozen: dict[str, Any] = json.loads(row["frozen"])
    config = from_frozen(frozen, name=row["name"])
    constants: dict[str, Any] = json.loads(row["constants"])
    known, paths = tuple(records), StudyPaths(database.path.parent)
    return StudySnapshot(
        name=row["name"],
        study_id=row["study_id"],
        objectives=config.objectives,
        constraints=config.constraints,
        frozen=frozen,
        records=known,
        num_refused={item["refusal"]: item["n"] for item in refusals},
        created_at=row["created_at"],
        wall_time_s=row["wall_time_s"],
        provenance=constants.get("provenance", {}),
        num_validation=constants.get("data", {}).get("num_validation") or num_validation_images(paths, known),
    )
