"""One worker a trial, inside Tune's reused actors."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Sequence

import pytest

from orchestrator.records import TrialState
from orchestrator.store.paths import StudyPaths
from orchestrator.store.reading import read_log
from tests.integration.conftest import Cli
from tests.tracking.reading import USES_MLFLOW, read

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), USES_MLFLOW]


def test_a_study_from_its_file_to_an_exported_network(cli: Cli, processes_left: Callable[[], Sequence[str]]) -> None:
    events = cli.search()
    assert processes_left() == []
    snapshot = cli.snapshot()
    assert len(snapshot.records) == 6
    assert all(record.state.is_end for record in snapshot.records)
    trials = [event for event in events if event["event"] == "trial"]
    assert sorted(event["trial"] for event in trials) == list(range(6))
    _check_front(events[-1])
    _check_files(cli)
    _check_tracking(cli)
    _check_choice(cli)
    assert cli.files_with_token() == []
    _check_extension(cli)


def _check_front(event: dict[str, object]) -> None:
    members = event["members"]
    assert isinstance(members, list)
    assert members
    for member in members:
        low, high = member["latency_interval_ms"]
        assert low <= member["latency_ms"] <= high
        assert member["test_accuracy"] is not None


def _check_files(cli: Cli) -> None:
    assert "<svg" in (cli.study / "report.html").read_text()
    with (cli.study / "trials.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6
    assert (cli.study / "trials.parquet").exists()
    assert not (cli.study / "scratch").exists()
    for record in cli.snapshot().records:
        assert (
            json.loads((cli.study / "trials" / f"{record.number:05d}" / "final.json").read_text())["state"]
            == record.state
        )


def _check_tracking(cli: Cli) -> None:
    snapshot = cli.snapshot()
    shown = read(f"sqlite:///{cli.folder}/runs/mlflow.db", snapshot.study_id)
    assert set(shown.trials) == set(range(6))
    record = next(record for record in snapshot.records if record.state is TrialState.COMPLETED)
    run = shown.trials[record.number]
    assert run.data.metrics["accuracy"] == pytest.approx(record.accuracy, abs=1e-4)
    assert run.data.tags["pareto"] in ("true", "false")
    assert [step for step, _ in shown.curve(record.number)] == [report.epoch for report in record.reports]
    artifacts = {item.path for item in shown.client.list_artifacts(shown.study.info.run_id)}
    assert artifacts >= {"report.html", "front.md", "trials.csv"}


def _check_choice(cli: Cli) -> None:
    best = cli.run("best", "runs/tiny", "--json")
    assert best.returncode == 0, best.stderr
    number = json.loads(best.stdout)["best"]["trial"]
    assert cli.run("front", "runs/tiny").returncode == 0
    exported = cli.run("export", "runs/tiny", "--trial", str(number), "--to", "exported", "--onnx")
    assert exported.returncode == 0, exported.stderr
    assert (cli.folder / "exported" / "model.onnx").exists()


def _check_extension(cli: Cli) -> None:
    before = cli.snapshot().records
    *_, front = cli.search("--trials", "8", "--seeds", "1", "--retrain")
    after = cli.snapshot().records
    assert len(after) == 8
    assert [record.accuracy for record in after[:6]] == [record.accuracy for record in before]
    _check_further_trainings(cli, [member["trial"] for member in front["members"]])
    refused = cli.run("search", "tiny.toml", "--set", "recipe.epochs=5")
    assert refused.returncode == 2
    assert "recipe.epochs: 4 -> 5" in refused.stderr


def _check_further_trainings(cli: Cli, members: list[int]) -> None:
    """One seed each, of which no file is left, and one network trained on validation images as well."""
    paths = StudyPaths(cli.study)
    for number in members:
        record = cli.snapshot().records[number]
        assert [one.seed for one in record.seeds] == [1]
        assert all(one.accuracy is not None and one.test_accuracy is not None for one in record.seeds)
        assert not any(paths.trial(number).seed(one.seed).root.exists() for one in record.seeds)
        assert record.retrained is not None
        assert record.retrained.test_score is not None
        assert paths.trial(number).retrained.model.is_dir()
        assert not paths.trial(number).retrained.checkpoints.exists()


def test_a_reproducible_study_is_the_same_with_and_without_a_killed_driver(
    cli: Cli, processes_left: Callable[[], Sequence[str]]
) -> None:
    import psutil

    settings = (
        "study.reproducible=true",
        "resources.max_concurrent_trials=2",
        'objectives.minimize=["num_parameters"]',
    )
    arguments = ("search", "tiny.toml", "--trials", "12", *(word for text in settings for word in ("--set", text)))
    undisturbed = cli.run(*arguments)
    assert undisturbed.returncode == 0, undisturbed.stdout + undisturbed.stderr
    expected = _decided(cli)
    shutil.rmtree(cli.study)
    process = cli.start(*arguments)
    _wait_for_reports(cli, 10)
    psutil.Process(process.pid).children(recursive=True)[0].kill()
    out, error = process.communicate(timeout=30)
    assert process.returncode == 4, out + error
    assert processes_left() == []
    resumed = cli.run(*arguments)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert max(record.num_attempts for record in cli.snapshot().records) == 2
    assert _decided(cli) == expected


def _decided(cli: Cli) -> list[tuple[object, ...]]:
    """Of each trial its suggestion and its end, with every accuracy on the way."""
    log = read_log(cli.study)
    return [
        (log.asks[log.ask_of[record.number]].point, record.state, [report.accuracy for report in record.reports])
        for record in log.records.values()
    ]


def _wait_for_reports(cli: Cli, count: int, *, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (cli.study / "study.db").exists():
            try:
                if sum(len(record.reports) for record in cli.snapshot().records) >= count:
                    return
            except Exception:  # noqa: BLE001 - the tables may not be there yet
                pass
        time.sleep(0.1)
    pytest.fail(f"no {count} reports within {timeout_s} s")
