"""A disk that is full anywhere in a study's life: told, nothing acknowledged is lost, and it goes on with more room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NUM_SIZES = 60


@pytest.mark.slow
def test_at_sixty_sizes_a_full_disk_is_told_and_the_study_goes_on_with_more_room(disk: Path) -> None:
    (whole,) = _tried(disk, [65_536])
    assert whole["told"] == ""
    sizes = [16 + 26 * index for index in range(NUM_SIZES)]
    tried = _tried(disk, sizes)
    full = [one for one in tried if one["told"]]
    assert len(full) >= NUM_SIZES - 10
    for one in full:
        assert f"{disk}/study" in one["told"], one
        assert "can't be written" in one["told"] or "can't be opened" in one["told"], one
        assert "free" in one["told"] or "need" in one["told"], one
        assert "make room" in one["told"], one
    # Anywhere: before the first epoch, after the last but one, and between.
    assert {one["acknowledged"] for one in full} >= {0, 1, 2, 3}
    assert max(one["acknowledged"] for one in full) > 24
    told = " ".join(one["told"] for one in full)
    assert "study.db" in told
    assert "/checkpoints/" in told


def _tried(disk: Path, sizes: list[int]) -> list[dict[str, Any]]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.study.full_disk", str(disk), *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
