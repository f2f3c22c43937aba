"""How many images an accuracy of a study is a share of."""

from __future__ import annotations

import json
from collections.abc import Iterable

from orchestrator.records import TrialRecord
from orchestrator.store.paths import StudyPaths

DATASET_FILE = "dataset.json"
"""In the folder of a trained network: what its data set was."""


def num_validation_images(paths: StudyPaths, records: Iterable[TrialRecord]) -> int | None:
    """Of the validation split that all trials of a study were scored on; None where no trained network is left."""
    for record in records:
        if record.accuracy is not None:
            try:
                fields = json.loads((paths.trial(record.number).model / DATASET_FILE).read_text(encoding="utf-8"))
                return int(fields["num_validation"])
            except (OSError, ValueError, TypeError, KeyError):
                continue  # the folder was removed to save room, or was damaged; another one says the same
    return None
