"""Where a study was run, as far as the machine tells it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import provenance

git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def commit(folder: Path, *names: str) -> None:
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for arguments in (["init", "--quiet"], ["add", "--", *names], [*identity, "commit", "--quiet", "-m", "made up"]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def commit_told_by(module: Path) -> str:
    program = "import runpy, sys; print(runpy.run_path(sys.argv[1])['collect']().get('commit', 'none'))"
    done = subprocess.run([sys.executable, "-c", program, str(module)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@git
def test_the_commit_is_that_of_a_checkout_that_holds_the_code(tmp_path: Path) -> None:
    """Installed into somebody's project, the code must not pass for a commit of that project."""
    module = tmp_path / "provenance.py"
    shutil.copy(provenance.__file__, module)
    (tmp_path / "theirs.txt").write_text("another project")
    commit(tmp_path, "theirs.txt")
    assert commit_told_by(module) == "none"
    commit(tmp_path, "provenance.py")
    assert re.fullmatch("[0-9a-f]{12}", commit_told_by(module))


def test_what_is_not_known_is_left_out() -> None:
    found = provenance.collect()
    assert {"python", "platform", "num_cpus", "numpy"} <= found.keys()
    assert all(found.values())
