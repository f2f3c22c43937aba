"""Other studies as sources of results: ``[study] warm_start``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.config.identity import completed, frozen_settings
from orchestrator.config.settings import SearchConfig
from orchestrator.records import TrialRecord, TrialState
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import StudyLog, read_log
from orchestrator.store.remote_study import open_directory
from orchestrator.suggest.stored import PriorResult, StoredResult, StoredResults

_SAME = ("data", "task", "recipe")


def read_sources(config: SearchConfig) -> StoredResults:
    """Reads every COMPLETED trial of the studies that ``warm_start`` names.

    A result is taken as it is where data, recipe and the study's seed are the same: then the network would be trained
    alike here, image for image. Other results only inform the sampler. The first source that has a network counts.

    Raises:
        StudyError: there is no such study.
    """
    wanted = frozen_settings(config)
    results: dict[str, StoredResult] = {}
    priors: list[PriorResult] = []
    for number, name in enumerate(config.study.warm_start, start=1):
        root = open_directory(name)
        log = read_log(root)
        if _is_same(completed(log.frozen), wanted):
            for identity, result in _results(root, log).items():
                results.setdefault(identity, result)
        else:
            priors += _priors(log, number, families={family.family for family in config.space.families})
    return StoredResults(results=results, priors=priors)


def _is_same(frozen: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return frozen["study"]["seed"] == wanted["study"]["seed"] and all(frozen[name] == wanted[name] for name in _SAME)


def _results(root: Path, log: StudyLog) -> dict[str, StoredResult]:
    return {
        record.architecture_id: StoredResult(
            source=f"trial {record.number} of {log.name}",
            model=str(StudyPaths(root.absolute()).trial(record.number).model),
            accuracy=_known(record.accuracy),
            loss=_known(record.loss),
            wall_time_s=record.wall_time_s,
            reports=record.reports,
        )
        for record in _completed(log)
    }


def _priors(log: StudyLog, source: int, *, families: set[str]) -> list[PriorResult]:
    return [
        PriorResult(source=source, point=log.asks[log.ask_of[record.number]].point, accuracy=_known(record.accuracy))
        for record in _completed(log)
        if record.family in families
    ]


def _completed(log: StudyLog) -> Sequence[TrialRecord]:
    return [record for record in log.records.values() if record.state is TrialState.COMPLETED]


def _known(value: float | None) -> float:
    assert value is not None, "a COMPLETED trial has its figures"
    return value
