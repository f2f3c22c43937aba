"""A study on a real Ray survives the deaths of its processes; ``python -m tests.faults processes`` kills 200."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.killed_study import NUM_TRIALS
from tests.faults.processes import kill_processes

pytestmark = pytest.mark.integration


@pytest.mark.timeout(900)
def test_three_drivers_and_three_workers_are_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    kills = kill_processes(num_kills=6, seed=0, to=tmp_path / "kills.json", driver_share=0.5)
    assert kills.problems == []
    assert (kills.num_drivers, kills.num_workers, kills.num_studies) == (3, 3, 1)
    assert kills.num_sessions == 4
    assert kills.num_acknowledged == NUM_TRIALS
    assert kills.processes_left == 0
