"""What earlier studies of the storage folder tell of the time of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator import provenance
from orchestrator.config.identity import completed, frozen_settings
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import ArchfrontError
from orchestrator.planning.seconds import Calibration, architecture_features
from orchestrator.records import Cause, TrialRecord
from orchestrator.store.reading import StudyLog, read_log
from search_spaces.errors import ArchitectureError
from search_spaces.registry import architecture_from_dict

MIN_TRIALS = 8
MAX_TRIALS = 200
"""Of the newest studies; the time of epochs, and not of trials, is taken, so that stopped trials count as well."""

_SPREAD = (0.8, 1.3)
"""Assumed: the machine may be busier or idler than it was then."""


def recorded(config: SearchConfig, storage: Path) -> Calibration | None:
    """From trials of the same data, recipe and number of workers on such a processor; None where there are too few."""
    found: list[TrialRecord] = []
    names: list[str] = []
    for name, records in _alike(config, storage):
        names.append(name)
        found += records
        if len(found) >= MAX_TRIALS:
            break
    found = found[:MAX_TRIALS]
    if len(found) < MIN_TRIALS:
        return None
    try:
        networks = [architecture_from_dict(record.architecture) for record in found]
    except ArchitectureError:  # of a family that is not installed any more
        return None
    return Calibration(
        source=f"from {len(found)} trials of {', '.join(names)}",
        features_KF=architecture_features(networks, config.task.image_size),
        seconds_K=np.array([_epoch_s(record) for record in found]),
        spread=_SPREAD,
    )


def _alike(config: SearchConfig, storage: Path) -> Iterator[tuple[str, list[TrialRecord]]]:
    wanted, processor = _alike_settings(frozen_settings(config)), provenance.processor()
    databases = sorted(storage.glob("*/study.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    for database in databases:
        try:
            log = read_log(database.parent)
            found = _alike_settings(completed(log.frozen))
        except (ArchfrontError, KeyError):  # damaged, or of a newer archfront: it tells nothing
            continue
        if found == wanted and log.constants.get("provenance", {}).get("processor", processor) == processor:
            yield log.name, _timed(log)


def _alike_settings(frozen: Mapping[str, Any]) -> list[Any]:
    """The settings that the time of a network's epoch depends on."""
    return [frozen["data"], frozen["task"], frozen["recipe"], frozen["resources"]["workers_per_trial"]]


def _timed(log: StudyLog) -> list[TrialRecord]:
    records = log.records.values()
    return [one for one in records if one.reports and one.cause is not Cause.REUSED and _epoch_s(one) > 0]


def _epoch_s(record: TrialRecord) -> float:
    return record.wall_time_s / len(record.reports)
