"""Nothing is lost wherever a driver is killed; ``python -m tests.faults failpoints`` does it a thousand times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.failpoints import FAILPOINTS, counting
from tests.faults import toy
from tests.faults.checker import decided, problems_after_kill, problems_at_end
from tests.faults.killing import kill_studies
from tests.faults.ledger import read_lines
from tests.faults.studies import REPRODUCIBLE, toy_config


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_kills_lose_no_trial_and_change_no_reproducible_study() -> None:
    tally = kill_studies(num_kills=200, seed=0)
    assert tally.problems == []
    assert tally.num_kills == 200
    assert len(tally.kills) > 0.8 * len(FAILPOINTS)
    assert tally.num_acknowledged > 200


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A study that nobody killed, begun twice so that it passes what only a second session does."""
    folder = tmp_path_factory.mktemp("toy")
    with counting() as passed:
        toy.run(folder, toy_config(*REPRODUCIBLE, "budget.trials=6"))
        toy.run(folder, toy_config(*REPRODUCIBLE))
    return folder, passed


def test_a_toy_study_passes_every_failpoint(ended: tuple[Path, dict[str, int]]) -> None:
    assert [name for name, count in ended[1].items() if not count] == []


def test_nothing_is_wrong_with_a_study_that_nobody_killed(ended: tuple[Path, dict[str, int]]) -> None:
    assert list(problems_at_end(ended[0])) == []


def test_an_extended_study_is_the_one_that_was_longer_from_the_start(
    ended: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    toy.run(tmp_path, toy_config(*REPRODUCIBLE))
    assert decided(ended[0]) == decided(tmp_path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"kind": "acknowledged", "trial": 99, "state": "COMPLETED", "accuracy": 0.5}, "lost: trial 99"),
        ({"kind": "acknowledged", "trial": 0, "state": "COMPLETED", "accuracy": 0.123}, "lost: trial 0"),
        ({"kind": "reported", "trial": 0, "epoch": 77, "accuracy": 0.5}, "lost: epoch 77 of trial 0"),
        ({"kind": "trained", "trial": 0, "epoch": 1, "attempt": 9}, "redone: trial 0"),
        ({"kind": "started", "trial": 0, "attempt": 2}, "duplicated: trial 0"),
    ],
)
def test_the_checker_sees_what_is_wrong(
    ended: tuple[Path, dict[str, int]], line: dict[str, object], found: str
) -> None:
    ledger = ended[0] / "ledger.jsonl"
    whole = ledger.read_text()
    ledger.write_text(whole + json.dumps(line) + "\n")
    try:
        assert any(problem.startswith(found) for problem in problems_at_end(ended[0]))
    finally:
        ledger.write_text(whole)


def test_the_checker_sees_a_file_that_is_missing(ended: tuple[Path, dict[str, int]]) -> None:
    path = ended[0] / "study" / "trials" / "00003" / "final.json"
    whole = path.read_text()
    path.unlink()
    try:
        assert [problem.partition(":")[0] for problem in problems_at_end(ended[0])] == ["file"]
    finally:
        path.write_text(whole)


def test_a_ledger_ends_with_its_last_whole_line(ended: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    text = (ended[0] / "ledger.jsonl").read_text()
    (tmp_path / "torn.jsonl").write_text(text + '{"kind": "acknow')
    assert read_lines(tmp_path / "torn.jsonl") == read_lines(ended[0] / "ledger.jsonl")
    assert list(problems_after_kill(tmp_path / "nothing")) == []
