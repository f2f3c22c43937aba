"""What the shell offers: shipped studies, study files, folders that hold a study."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("digits", "pairs"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "study.db").touch()
    (tmp_path / "runs" / "mlartifacts").mkdir()
    (tmp_path / "digital.toml").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def offered(folder: Path, *words: str) -> set[str]:
    """What bash is told for the last word of a command line."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "_ARCHFRONT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["archfront", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv = ['archfront']; from orchestrator.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_study_is_a_shipped_one_or_a_file(folder: Path) -> None:
    assert offered(folder, "search", "dig") == {"digits", "digital.toml"}
    assert "cifar10" in offered(folder, "validate", "cif")


def test_a_directory_leads_to_studies(folder: Path) -> None:
    assert offered(folder, "best", "ru") == {"runs/"}
    assert offered(folder, "best", "runs/") == {"runs/digits", "runs/pairs", "runs/mlartifacts/"}
    assert offered(folder, "compare", "runs/digits", "runs/p") == {"runs/pairs"}


def test_options_and_their_words_are_offered(folder: Path) -> None:
    assert "--explain" in offered(folder, "best", "runs/digits", "--exp")
    assert offered(folder, "best", "runs/digits", "--policy", "k") == {"knee"}
