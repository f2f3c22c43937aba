"""The data set of a study as MLflow records what a run has read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from mlflow.entities import Dataset, DatasetInput, InputTag

_TABLES = ("data.", "task.")
_SEED = "study.seed"


def dataset_of(params: Mapping[str, str]) -> DatasetInput | None:
    """From the parameters of the study's run; None while they do not name any data.

    Its digest is of the settings that choose the images and their splits.
    """
    name = params.get("data.name")
    if not name:
        return None
    settings = {key: value for key, value in params.items() if key.startswith(_TABLES) or key == _SEED}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    path = params.get("data.path", "")
    dataset = Dataset(
        name=name,
        digest=digest,
        source_type="local" if path else "code",
        source=json.dumps({"uri": path} if path else {"tags": {"archfront.data": name}}),
        profile=json.dumps({key.partition(".")[2]: value for key, value in settings.items()}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
