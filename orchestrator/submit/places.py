"""Places that a study names: a job sees what is uploaded and what its nodes have, and its own folder is thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.data_rules import DataSummary
from orchestrator.config.settings import DataSettings, SearchConfig
from orchestrator.data.catalog import DIGITS, FOLDER, PARQUET, SYNTHETIC, inspect
from orchestrator.errors import BadInputError
from orchestrator.tracking.address import sqlite_path
from search_spaces.architecture import Task

_MADE_HERE = (DIGITS, SYNTHETIC)
_DEFAULT_FOLDER = "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnseenData:
    """Data that lie on the cluster alone, of as many images and as few splits as a study may have."""

    task: Task
    num_train: int = 1 << 40
    own_splits: tuple[str, ...] = ()


def inspect_from_afar(settings: DataSettings) -> DataSummary:
    """What is known of data that may lie on the cluster alone; the study looks again before it starts."""
    if settings.name in (FOLDER, PARQUET) and not Path(settings.path).expanduser().exists():
        # The fewest classes give the smallest networks: no limit is refused here that might be met there.
        return UnseenData(task=Task(in_channels=3, num_classes=2, image_size=settings.image_size))
    return inspect(settings)


def check_places(config: SearchConfig, storage: str | None) -> list[str]:
    """What every node must be able to see, one line each.

    Raises:
        BadInputError: something is named by a path from here, which means nothing in a job.
    """
    seen = []
    for name, path, hint in _places(config, storage):
        if "://" in path:
            continue
        if not Path(path).is_absolute():  # nor is ~ the same everywhere
            raise BadInputError(f'{name} = "{path}": is a folder of this machine, and no part of a job', hint=hint)
        seen.append(f"{name} = {path} must be there on every node")
    return seen


def _places(config: SearchConfig, storage: str | None) -> list[tuple[str, str, str]]:
    shared = "give a folder that all nodes see under the same full path, or an address such as s3://bucket/"
    places = [("study.warm_start", path, f"{shared}runs/digits") for path in config.study.warm_start]
    if config.data.name not in _MADE_HERE:
        hint = f"{shared}images; or --set data.path=... for this job"
        places.append(("data.path", config.data.path or _DEFAULT_FOLDER, hint))
    if storage is not None:
        places.append(("--storage", storage, f"{shared}runs"))
    database = sqlite_path(config.tracking.uri)
    if database is not None:
        places.append(("tracking.uri", str(database), "give the address of a server, such as http://mlflow:5000"))
    return places
