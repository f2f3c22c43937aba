"""What a person sees of trials that end: one line each, and how far the budget is spent."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from orchestrator.cli.endings import trial_line
from orchestrator.cli.live import LiveDisplay
from orchestrator.cli.printing import console
from orchestrator.cli.searching import storage_of
from orchestrator.records import Cause, TrialState
from orchestrator.storage.places import Place
from tests.simulation import config_of
from tests.synthetic import completed, unfinished


def test_an_error_of_many_lines_is_told_in_one() -> None:
    record = unfinished(3, TrialState.FAILED, message="shapes differ\nat conv1\nat conv2")
    line = trial_line(record, {}, num_trials=10)
    assert "failed: error shapes differ" in line
    assert "\n" not in line


def test_results_of_other_studies_are_no_part_of_the_budget(tmp_path: Path) -> None:
    reused = [completed(number, 0.9, 10_000, 1.0, cause=Cause.REUSED) for number in range(20)]
    trained = [completed(number, 0.9, 10_000, 1.0) for number in range(20, 24)]
    records = {record.number: record for record in [*reused, *trained]}
    written = io.StringIO()
    display = LiveDisplay()
    display._config, display._place = config_of(tmp_path), Place(root=tmp_path)
    display._open()
    display._leave()
    display._store = SimpleNamespace(records=records)  # type: ignore[assignment]
    Console(file=written, width=200).print(display._progress())
    assert "4/30 trials" in written.getvalue()
    assert "left" in written.getvalue()


def test_brackets_of_a_path_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("runs/[old]/[/x]/digits")
    assert capsys.readouterr().out == "runs/[old]/[/x]/digits\n"


def test_an_address_of_storage_is_no_folder_here() -> None:
    assert storage_of("s3://bucket/runs") != Path("s3:/bucket/runs")
    assert storage_of("runs") == Path("runs")
