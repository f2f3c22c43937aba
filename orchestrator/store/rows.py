"""Rows of study.db as records, and back."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.records import (
    Cause,
    EpochReport,
    Latency,
    LatencyConditions,
    Phases,
    Retraining,
    SeedResult,
    TrialRecord,
    TrialState,
)
from orchestrator.scores import ClassificationScore
from orchestrator.store.database import Database
from search_spaces.space import Point

DEATHS = (Cause.WORKER_DIED, Cause.TIMEOUT, Cause.OUT_OF_MEMORY)
"""How attempts end whose workers died."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One suggestion of the sampler.

    Attributes:
        number: counted from 0 over the whole study; the sampler is re-seeded with it.
        refusal: why it became no trial: ``duplicate``, ``infeasible`` or ``impossible``; None where it did.
        violations: by constraint, relative to its bound; above 0 where it is broken.
        reason: figures that led to the suggestion, as JSON values.
        attributes: what Optuna keeps of the suggestion, as JSON values.
    """

    number: int
    point: Point
    refusal: str | None = None
    violations: Mapping[str, float]
    reason: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One start of a trial; results carry its token, so that an older attempt's are told apart."""

    trial: int
    number: int
    token: str


def read_records(database: Database) -> dict[int, TrialRecord]:
    """All trials by number, with their reports."""
    reports: dict[int, list[EpochReport]] = {}
    for row in database.rows("SELECT * FROM report ORDER BY trial, epoch"):
        reports.setdefault(row["trial"], []).append(_report(row))
    attempts = {
        row["trial"]: row["n"] for row in database.rows("SELECT trial, count(*) AS n FROM attempt GROUP BY trial")
    }
    return {
        row["number"]: _record(
            row, reports=tuple(reports.get(row["number"], ())), num_attempts=attempts.get(row["number"], 0)
        )
        for row in database.rows("SELECT * FROM trial ORDER BY number")
    }


def read_asks(database: Database, *, first: int = 0, last: int = sys.maxsize) -> list[Ask]:
    """Suggestions in the order they were made: all of them, or from ``first`` to ``last``."""
    return [
        Ask(
            number=row["number"],
            point=Point(family=row["family"], values=untupled(json.loads(row["point"]))),
            refusal=row["refusal"],
            violations=json.loads(row["violations"]),
            reason=json.loads(row["reason"]),
            attributes=json.loads(row["attributes"]),
        )
        for row in database.rows("SELECT * FROM ask WHERE number BETWEEN ? AND ? ORDER BY number", first, last)
    ]


def latency_to_json(latency: Latency) -> str:
    return json.dumps(asdict(latency))


def latency_from_json(text: str | None) -> Latency | None:
    if text is None:
        return None
    fields: dict[str, Any] = json.loads(text)
    conditions = dict(fields.pop("conditions"))
    conditions["input_shape"] = tuple(conditions["input_shape"])
    return Latency(conditions=LatencyConditions(**conditions), **fields)


def seeds_to_json(seeds: Iterable[SeedResult]) -> str:
    return json.dumps([asdict(one) for one in seeds])


def _seeds(text: str | None) -> tuple[SeedResult, ...]:
    return tuple(map(SeedResult.from_dict, json.loads(text))) if text else ()


def _retraining(text: str | None) -> Retraining | None:
    return None if text is None else Retraining.from_dict(json.loads(text))


def _test_score(text: str | None) -> ClassificationScore | None:
    return None if text is None else ClassificationScore.from_dict(json.loads(text))


def _report(row: sqlite3.Row) -> EpochReport:
    return EpochReport(
        epoch=row["epoch"],
        accuracy=row["accuracy"],
        loss=row["loss"],
        train_loss=row["train_loss"],
        wall_time_s=row["wall_time_s"],
        top5_accuracy=_later(row, "top5_accuracy"),
        phases=None if _later(row, "num_images") is None else _phases(row),
    )


def _phases(row: sqlite3.Row) -> Phases:
    return Phases(
        num_images=row["num_images"],
        data_s=row["data_s"],
        step_s=row["step_s"],
        validation_s=row["validation_s"],
        checkpoint_s=row["checkpoint_s"],
    )


def _record(row: sqlite3.Row, *, reports: tuple[EpochReport, ...], num_attempts: int) -> TrialRecord:
    return TrialRecord(
        number=row["number"],
        state=TrialState(row["state"]),
        family=row["family"],
        architecture=json.loads(row["architecture"]),
        architecture_id=row["architecture_id"],
        num_parameters=row["num_parameters"],
        macs=row["macs"],
        predicted_latency_ms=row["predicted_latency_ms"],
        cause=Cause(row["cause"]) if row["cause"] else None,
        message=row["message"],
        num_attempts=num_attempts,
        wall_time_s=row["wall_time_s"],
        accuracy=row["accuracy"],
        loss=row["loss"],
        reports=reports,
        latency=latency_from_json(row["latency"]),
        file_bytes=_later(row, "file_bytes"),
        peak_memory_bytes=_later(row, "peak_memory_bytes"),
        predicted_throughput_per_s=_later(row, "predicted_throughput_per_s"),
        throughput=latency_from_json(_later(row, "throughput")),
        test_accuracy=row["test_accuracy"],
        test_score=_test_score(_later(row, "test_score")),
        predicted_accuracy=row["predicted_accuracy"],
        seeds=_seeds(_later(row, "seeds")),
        retrained=_retraining(_later(row, "retrained")),
    )


def _later(row: sqlite3.Row, name: str) -> Any:
    """A column that the tables of earlier versions lack, where a study is only read."""
    try:
        return row[name]
    except IndexError:
        return None


def untupled(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples: choices such as ``block_config`` come back as lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
