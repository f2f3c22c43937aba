"""Studies that an earlier archfront wrote: read as they are, and brought to this version by whoever takes them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from orchestrator.errors import StudyError
from orchestrator.store.opening import take
from orchestrator.store.reading import read_snapshot
from orchestrator.store.schema import SCHEMA_VERSION
from tests.simulation import Simulation, config_of

ADDED_SINCE_1 = (
    *(("trial", name) for name in ("test_score", "seeds", "retrained")),
    *(("trial", name) for name in ("file_bytes", "peak_memory_bytes", "predicted_throughput_per_s", "throughput")),
    *(("report", name) for name in ("top5_accuracy", "num_images", "data_s", "step_s", "validation_s", "checkpoint_s")),
)


@pytest.fixture
def study_of_version_1(tmp_path: Path) -> Path:
    """Eight trials, some of them running, in tables as version 1 had them."""
    simulation = Simulation(tmp_path / "study", config_of(tmp_path))
    simulation.run(until=lambda: len(simulation.store.records) == 8)
    simulation.store.close()
    path = simulation.store.paths.database
    with sqlite3.connect(path) as connection:
        for table, column in ADDED_SINCE_1:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE study SET schema_version = 1")
    connection.close()
    return path.parent


def columns(root: Path, table: str) -> list[tuple[str, str]]:
    connection = sqlite3.connect(root / "study.db")
    found = connection.execute(f"SELECT name, type FROM pragma_table_info('{table}') ORDER BY name").fetchall()
    connection.close()
    return found


def test_it_is_read_without_being_changed(study_of_version_1: Path) -> None:
    before = (study_of_version_1 / "study.db").read_bytes()
    snapshot = read_snapshot(study_of_version_1)
    assert len(snapshot.records) == 8
    reports = [report for record in snapshot.records for report in record.reports]
    assert reports
    assert all((report.phases, report.top5_accuracy) == (None, None) for report in reports)
    assert all(record.test_score is None for record in snapshot.records)
    assert (study_of_version_1 / "study.db").read_bytes() == before


def test_it_goes_on_when_it_is_taken_and_has_the_tables_of_a_new_study_then(
    study_of_version_1: Path, tmp_path: Path
) -> None:
    before = read_snapshot(study_of_version_1).records
    again = Simulation(study_of_version_1, config_of(tmp_path))
    assert tuple(again.store.records.values()) == before
    again.run(until=lambda: len(again.store.records) == 20)
    (tmp_path / "other").mkdir()
    new = Simulation(tmp_path / "other" / "study", config_of(tmp_path))
    for table in ("study", "trial", "report"):
        assert columns(study_of_version_1, table) == columns(new.store.paths.root, table)
    again.store.close()
    assert take(study_of_version_1).records == again.store.records


def test_it_is_refused_by_the_version_before(study_of_version_1: Path) -> None:
    take(study_of_version_1).close()
    connection = sqlite3.connect(study_of_version_1 / "study.db")
    with connection:
        assert connection.execute("SELECT schema_version FROM study").fetchone() == (SCHEMA_VERSION,)
        connection.execute("UPDATE study SET schema_version = schema_version + 1")
    connection.close()
    with pytest.raises(StudyError, match="newer archfront"):
        read_snapshot(study_of_version_1)
    with pytest.raises(StudyError, match="newer archfront"):
        take(study_of_version_1)
