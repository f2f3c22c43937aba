"""Nothing that is read back can crash archfront or run code; ``python -m tests.faults mutations`` reads far more."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest

from tests.faults.changing import WILD, changed_tree
from tests.faults.mutations import CASES, Good, good_files, run_cases
from tests.faults.watching import watched

COUNTS = {"study files": 2000, "architectures": 500, "checkpoints": 500, "exports": 300, "studies": 500}
TIMEOUT_S = 30.0
"""Of one case; on a machine with nothing else to do the slowest takes a fifth of a second."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return good_files(tmp_path_factory.mktemp("good"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", CASES)
def test_changed_files_are_read_or_refused_in_words(
    kind: str, good: Good, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    found = run_cases(kind, good, tmp_path, count=COUNTS[kind], seed=0)
    print(f"{kind}: {found.num_read} read, {found.num_refused} refused, slowest {found.slowest_s:.3f} s")
    assert found.problems == []
    assert found.slowest_s < TIMEOUT_S
    assert found.num_refused + found.num_read > COUNTS[kind]


def test_what_runs_is_seen() -> None:
    with watched(active=True) as ran:
        exec("1 + 1")
    assert [line.split()[0] for line in ran] == ["compile", "exec"]
    with watched(active=True) as ran, pytest.raises(ImportError):
        import no_such_module_of_anybody  # noqa: F401
    assert "no_such_module_of_anybody" in ran[0]


def test_trees_are_changed_and_never_the_good_one() -> None:
    good = {"a": [1, 2, {"b": None}], "c": "text"}
    changed = [changed_tree(good, random.Random(seed), WILD) for seed in range(200)]
    assert good == {"a": [1, 2, {"b": None}], "c": "text"}
    assert sum(repr(tree) != repr(good) for tree in changed) > 180
