from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from orchestrator.errors import StorageError
from orchestrator.records import EpochReport, Phases, StudySnapshot, TrialState
from orchestrator.results import trial_table, write_tables
from orchestrator.selector import front
from tests import synthetic


@pytest.fixture
def snapshot() -> StudySnapshot:
    return synthetic.study()


def _read(directory: Path) -> tuple[pa.Table, list[dict[str, str]]]:
    with (directory / "trials.csv").open(newline="") as file:
        return parquet.read_table(directory / "trials.parquet"), list(csv.DictReader(file))


def _rows(snapshot: StudySnapshot) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = trial_table(snapshot).to_pylist()
    return rows


def test_both_tables_hold_every_trial_by_number(snapshot: StudySnapshot, tmp_path: Path) -> None:
    write_tables(dataclasses.replace(snapshot, records=snapshot.records[::-1]), tmp_path)
    table, rows = _read(tmp_path)
    numbers = [record.number for record in snapshot.records]
    assert table["number"].to_pylist() == numbers
    assert [int(row["number"]) for row in rows] == numbers
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trials.csv", "trials.parquet"]


def test_a_row_says_what_its_record_says(snapshot: StudySnapshot) -> None:
    for record, row in zip(snapshot.records, _rows(snapshot), strict=True):
        for name in ("state", "cause", "family", "architecture_id", "num_parameters", "macs", "predicted_latency_ms"):
            assert row[name] == getattr(record, name)
        for name in ("accuracy", "loss", "test_accuracy", "wall_time_s", "num_attempts"):
            assert row[name] == getattr(record, name)
        assert row["num_epochs"] == len(record.reports)
        assert row["reports"] == [dataclasses.asdict(report) for report in record.reports]


def test_the_front_is_the_selectors(snapshot: StudySnapshot) -> None:
    members = front(snapshot.records, snapshot.objectives, snapshot.constraints)
    assert {row["number"] for row in _rows(snapshot) if row["pareto"]} == {record.number for record in members}


def test_latency_is_measured_with_its_interval_or_absent() -> None:
    latency = synthetic.measured(2.0, is_contended=True)
    records = (synthetic.completed(0, 0.9, 1e4, 1.5, latency=latency), synthetic.completed(1, 0.95, 2e4, 2.5))
    rows = _rows(dataclasses.replace(synthetic.study(0), records=records))
    assert [row["latency_ms"] for row in rows] == [2.0, None]
    assert (rows[0]["latency_low_ms"], rows[0]["latency_high_ms"]) == (latency.low_ms, latency.high_ms)
    assert [row["is_latency_contended"] for row in rows] == [True, None]
    assert [row["predicted_latency_ms"] for row in rows] == [1.5, 2.5]


def test_shares_of_the_time_add_up_to_one_and_images_are_of_all_epochs() -> None:
    spent = (
        Phases(num_images=100, data_s=1.0, step_s=3.0, validation_s=0.5, checkpoint_s=0.5),
        Phases(num_images=200, data_s=0.0, step_s=1.0, validation_s=1.0, checkpoint_s=1.0),
    )
    reports = tuple(
        EpochReport(epoch=epoch, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=9.0, phases=phases)
        for epoch, phases in enumerate(spent, start=1)
    )
    (row,) = _rows(
        dataclasses.replace(synthetic.study(0), records=(synthetic.completed(0, 0.9, 1e4, 1.0, reports=reports),))
    )
    shares = [row[f"{name}_share"] for name in ("data", "step", "validation", "checkpoint")]
    assert shares == pytest.approx([1 / 8, 4 / 8, 1.5 / 8, 1.5 / 8])
    assert row["images_per_s"] == pytest.approx(300 / 5)


def test_what_an_earlier_version_did_not_record_is_absent() -> None:
    reports = (EpochReport(epoch=1, accuracy=0.5, loss=1.0, train_loss=1.0, wall_time_s=9.0),)
    record = synthetic.completed(0, 0.9, 1e4, 1.0, reports=reports, test_accuracy=0.8)
    (row,) = _rows(dataclasses.replace(synthetic.study(0), records=(record,)))
    for name in ("images_per_s", "data_share", "checkpoint_share", "test_loss", "test_precision_macro"):
        assert row[name] is None
    assert row["reports"][0]["phases"] is None
    assert row["test_accuracy"] == 0.8


def test_figures_of_the_test_split_are_those_of_its_score(snapshot: StudySnapshot) -> None:
    scored = [record for record in snapshot.records if record.test_score is not None]
    rows = {row["number"]: row for row in _rows(snapshot)}
    assert scored
    for record in scored:
        score, row = record.test_score, rows[record.number]
        assert score is not None
        assert (row["test_accuracy"], row["test_loss"]) == (score.accuracy, score.loss)
        assert row["test_top5_accuracy"] == score.top5_accuracy
        assert (row["test_precision_macro"], row["test_recall_macro"]) == (score.precision_macro, score.recall_macro)


def test_fields_of_an_architecture_are_columns_of_their_family(snapshot: StudySnapshot) -> None:
    for record, row in zip(snapshot.records, _rows(snapshot), strict=True):
        for name, value in record.architecture.items():
            if name not in ("schema_version", "family"):
                assert row[f"{record.family}.{name}"] == value
        assert all(value is None for name, value in row.items() if "." in name and not name.startswith(record.family))


def test_lists_are_lists_in_parquet_and_json_in_csv(snapshot: StudySnapshot, tmp_path: Path) -> None:
    write_tables(snapshot, tmp_path)
    table, rows = _read(tmp_path)
    assert table.schema.field("densenet.block_config").type == pa.list_(pa.int64())
    texts = [row["densenet.block_config"] for row in rows]
    assert [json.loads(text) if text else None for text in texts] == table["densenet.block_config"].to_pylist()
    assert "reports" not in rows[0]


def test_the_metadata_names_the_study_and_the_conditions_of_its_latency(
    snapshot: StudySnapshot, tmp_path: Path
) -> None:
    write_tables(snapshot, tmp_path)
    metadata = parquet.read_schema(tmp_path / "trials.parquet").metadata
    assert metadata[b"schema_version"] == b"1"
    assert metadata[b"study"] == b"digits"
    (conditions,) = json.loads(metadata[b"latency_conditions"])
    assert conditions == json.loads(json.dumps(dataclasses.asdict(synthetic.CONDITIONS)))


def test_a_study_without_trials_has_empty_tables_of_the_same_columns(tmp_path: Path) -> None:
    write_tables(synthetic.study(0), tmp_path)
    table, rows = _read(tmp_path)
    assert (table.num_rows, rows) == (0, [])
    assert {"number", "accuracy", "pareto", "reports"} <= set(table.column_names)


def test_a_diverged_epoch_is_kept_as_it_was(tmp_path: Path) -> None:
    reports = (EpochReport(epoch=1, accuracy=0.1, loss=math.nan, train_loss=math.inf, wall_time_s=1.0),)
    record = synthetic.unfinished(0, TrialState.FAILED, reports=reports)
    write_tables(dataclasses.replace(synthetic.study(0), records=(record,)), tmp_path)
    ((report,),) = _read(tmp_path)[0]["reports"].to_pylist()
    assert math.isnan(report["loss"])
    assert math.isinf(report["train_loss"])


def test_a_field_of_several_types_becomes_json() -> None:
    architectures: list[dict[str, Any]] = [{"depths": [1, 2], "stem": True}, {"depths": 3, "stem": 7}]
    records = tuple(
        synthetic.completed(number, 0.9, 1e4, 1.0, architecture=architecture)
        for number, architecture in enumerate(architectures)
    )
    rows = _rows(dataclasses.replace(synthetic.study(0), records=records))
    assert [row["densenet.depths"] for row in rows] == ["[1, 2]", "3"]
    assert [row["densenet.stem"] for row in rows] == ["true", "7"]


def test_equal_studies_give_equal_files(snapshot: StudySnapshot, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tables(snapshot, tmp_path / name)
    for name in ("trials.csv", "trials.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_place_that_can_not_be_written_is_a_storage_error(snapshot: StudySnapshot, tmp_path: Path) -> None:
    (tmp_path / "trials.parquet").mkdir()
    with pytest.raises(StorageError):
        write_tables(snapshot, tmp_path)
