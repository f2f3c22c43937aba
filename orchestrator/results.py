"""The trials of a study as tables: ``trials.parquet`` with the learning curves, ``trials.csv`` for everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from orchestrator.records import Phases, StudySnapshot, TrialRecord
from orchestrator.selector import front
from orchestrator.selector.certainty import further_figures
from orchestrator.storage import write_bytes

SCHEMA_VERSION = 1

_NOT_AN_AXIS = ("schema_version", "family")

_IDENTITY = {
    "number": pa.int64(),
    "state": pa.string(),
    "cause": pa.string(),
    "message": pa.string(),
    "family": pa.string(),
    "architecture_id": pa.string(),
}
_FIGURES = {
    "num_parameters": pa.int64(),
    "macs": pa.int64(),
    "predicted_latency_ms": pa.float64(),
    "latency_ms": pa.float64(),
    "latency_low_ms": pa.float64(),
    "latency_high_ms": pa.float64(),
    "is_latency_contended": pa.bool_(),
    "file_bytes": pa.int64(),
    "peak_memory_bytes": pa.int64(),
    "predicted_throughput_per_s": pa.float64(),
    "throughput_per_s": pa.float64(),
    "throughput_low_per_s": pa.float64(),
    "throughput_high_per_s": pa.float64(),
    "accuracy": pa.float64(),
    "loss": pa.float64(),
    "test_accuracy": pa.float64(),
    "test_top5_accuracy": pa.float64(),
    "test_loss": pa.float64(),
    "test_precision_macro": pa.float64(),
    "test_recall_macro": pa.float64(),
    "num_seeds": pa.int64(),
    "seeds_accuracy": pa.float64(),
    "seeds_accuracy_low": pa.float64(),
    "seeds_accuracy_high": pa.float64(),
    "seeds_test_accuracy": pa.float64(),
    "retrained_test_accuracy": pa.float64(),
    "num_epochs": pa.int64(),
    "wall_time_s": pa.float64(),
    "images_per_s": pa.float64(),
    "data_share": pa.float64(),
    "step_share": pa.float64(),
    "validation_share": pa.float64(),
    "checkpoint_share": pa.float64(),
    "num_attempts": pa.int64(),
    "pareto": pa.bool_(),
}
_CURVES = {
    "reports": pa.list_(
        pa.struct({
            "epoch": pa.int64(),
            "accuracy": pa.float64(),
            "loss": pa.float64(),
            "train_loss": pa.float64(),
            "wall_time_s": pa.float64(),
            "top5_accuracy": pa.float64(),
            "phases": pa.struct({
                "num_images": pa.int64(),
                "data_s": pa.float64(),
                "step_s": pa.float64(),
                "validation_s": pa.float64(),
                "checkpoint_s": pa.float64(),
            }),
        })
    )
}  # fmt: skip


def write_tables(snapshot: StudySnapshot, directory: Path) -> None:
    """Writes both tables, one row per trial, each whole or not at all.

    Raises:
        StorageError: the disk is full or can't be written; the tables of before are intact.
    """
    table = trial_table(snapshot)
    write_bytes(directory / "trials.parquet", _parquet(table))
    write_bytes(directory / "trials.csv", _csv(table))


def trial_table(snapshot: StudySnapshot) -> pa.Table:
    """One row per trial, by number; fields of an architecture are columns such as ``densenet.growth_rate``.

    ``latency_ms`` is measured, between ``latency_low_ms`` and ``latency_high_ms`` (95 %); trials without a
    measurement have the prediction alone. ``throughput_per_s`` is alike, in images a second. ``seeds_accuracy`` is the
    mean over further seeds, without the search's own. Shares such as ``data_share`` are of the seconds that the epochs
    spent in data, step, validation and checkpoint; ``images_per_s`` is over those of data and step.
    """
    records = sorted(snapshot.records, key=lambda record: record.number)
    members = {record.number for record in front(records, snapshot.objectives, snapshot.constraints)}
    rows = [_row(record, is_on_front=record.number in members) for record in records]
    columns = {
        **{name: _column(rows, name, kind) for name, kind in _IDENTITY.items()},
        **_architecture_columns(records),
        **{name: _column(rows, name, kind) for name, kind in (_FIGURES | _CURVES).items()},
    }
    return pa.table(columns).replace_schema_metadata(_metadata(snapshot))


def _row(record: TrialRecord, *, is_on_front: bool) -> dict[str, Any]:
    latency = record.latency
    return {
        **{name: getattr(record, name) for name in (*_IDENTITY, *_FIGURES) if hasattr(record, name)},
        "latency_ms": latency.median_ms if latency is not None else None,
        "latency_low_ms": latency.low_ms if latency is not None else None,
        "latency_high_ms": latency.high_ms if latency is not None else None,
        "is_latency_contended": latency.is_contended if latency is not None else None,
        **_throughput_figures(record),
        **_test_figures(record),
        "num_seeds": len(record.seeds),
        **further_figures(record),
        **_time_figures(record),
        "num_epochs": len(record.reports),
        "pareto": is_on_front,
        "reports": [report.to_dict() for report in record.reports],
    }


def _throughput_figures(record: TrialRecord) -> dict[str, float | None]:
    found = record.throughput
    low, high = found.images_per_s_interval if found else (None, None)
    return {
        "throughput_per_s": found.images_per_s if found else None,
        "throughput_low_per_s": low,
        "throughput_high_per_s": high,
    }


def _test_figures(record: TrialRecord) -> dict[str, float | None]:
    score = record.test_score
    return {
        "test_top5_accuracy": score.top5_accuracy if score else None,
        "test_loss": score.loss if score else None,
        "test_precision_macro": score.precision_macro if score else None,
        "test_recall_macro": score.recall_macro if score else None,
    }


def _time_figures(record: TrialRecord) -> dict[str, float | None]:
    """Over the epochs that were timed: those of an earlier version were not."""
    spent = sum((report.phases for report in record.reports if report.phases), Phases())
    seconds = {
        "data_share": spent.data_s,
        "step_share": spent.step_s,
        "validation_share": spent.validation_s,
        "checkpoint_share": spent.checkpoint_s,
    }
    shares = {name: value / spent.total_s if spent.total_s else None for name, value in seconds.items()}
    return {"images_per_s": spent.images_per_s, **shares}


def _column(rows: Sequence[Mapping[str, Any]], name: str, kind: pa.DataType) -> pa.Array:
    return pa.array([row[name] for row in rows], type=kind)


def _architecture_columns(records: Sequence[TrialRecord]) -> dict[str, pa.Array]:
    """Null where a trial is of another family."""
    fields = [dict(_fields(record.architecture, f"{record.family}.")) for record in records]
    names = sorted({name for row in fields for name in row})
    return {name: _inferred([row.get(name) for row in fields]) for name in names}


def _fields(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _fields(value, f"{prefix}{name}.")
        elif name not in _NOT_AN_AXIS:
            yield f"{prefix}{name}", value


def _inferred(values: Sequence[Any]) -> pa.Array:
    """Values of one type as they are, of several types as JSON."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else json.dumps(value) for value in values])


def _metadata(snapshot: StudySnapshot) -> dict[str, str]:
    """What the figures mean: above all the conditions that latency was measured under."""
    timed = [one for record in snapshot.records for one in (record.latency, record.throughput) if one is not None]
    distinct = {json.dumps(asdict(one.conditions), sort_keys=True) for one in timed}
    return {
        "schema_version": str(SCHEMA_VERSION),
        "study": snapshot.name,
        "study_id": snapshot.study_id,
        "latency_conditions": f"[{', '.join(sorted(distinct))}]",
    }


def _parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def _csv(table: pa.Table) -> bytes:
    """Without the curves; lists such as ``block_config`` are JSON."""
    flat = table.drop_columns(list(_CURVES))
    for index, field in enumerate(flat.schema):
        if pa.types.is_nested(field.type):
            texts = [None if value is None else json.dumps(value) for value in flat[field.name].to_pylist()]
            flat = flat.set_column(index, field.name, pa.array(texts, type=pa.string()))
    sink = BytesIO()
    csv.write_csv(flat, sink)
    return sink.getvalue()
