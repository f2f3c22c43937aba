"""Trials that misbehave on a real Ray: each ends in a state with its cause, and the study goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.records import Cause, TrialRecord, TrialState
from tests.integration import unruly
from tests.integration.conftest import Cli

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(700)]

STUDY = """
[study]
name = "tiny"
scheduler = "none"
[space.unruly]
[recipe]
epochs = 2
max_shift = 1
[budget]
trials = 7
max_failed_share = 0.9
[resources]
max_concurrent_trials = 1
max_attempts = 2
[tracking]
enabled = false
"""

MARGIN = 0.25
"""How much of the machine's memory a trial may take beyond what is taken already, before Ray ends it."""
_MOST_LOGGED_BYTES = 100 << 20


def memory_threshold() -> str:
    """Above what is in use at this moment, as Ray counts it."""
    from ray._common.utils import get_system_memory
    from ray._private.utils import get_used_memory

    return f"{get_used_memory() / get_system_memory() + MARGIN:.3f}"


def test_every_misbehaviour_is_a_state_with_its_cause_and_the_study_goes_on(cli: Cli) -> None:
    unruly.install(cli.folder)
    (cli.folder / "tiny.toml").write_text(STUDY)
    cli.environment |= {
        "PYTHONPATH": os.pathsep.join((cli.environment["PYTHONPATH"], str(cli.folder))),
        "RAY_memory_usage_threshold": memory_threshold(),
    }
    done = cli.run("search", "tiny.toml", "--json", timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    records = {unruly.CONDUCTS[record.architecture["conduct"]]: record for record in cli.snapshot().records}
    assert {conduct: _end(record) for conduct, record in records.items()} == {
        "behaves": (TrialState.COMPLETED, None, 1),
        "chatters": (TrialState.COMPLETED, None, 1),
        "raises": (TrialState.FAILED, Cause.ERROR, 1),
        "diverges": (TrialState.FAILED, Cause.DIVERGED, 1),
        "sleeps": (TrialState.FAILED, Cause.TIMEOUT, 2),
        "dies": (TrialState.FAILED, Cause.WORKER_DIED, 2),
        "eats": (TrialState.INFEASIBLE, Cause.OUT_OF_MEMORY, 2),
    }
    assert records["raises"].message.startswith("KeyError: 'no such stage' (unruly.py:")
    assert "nothing moved any more in forward (unruly.py:" in records["sleeps"].message
    assert "low on memory" in records["eats"].message
    stacks = list((cli.study / "trials" / f"{records['sleeps'].number:05d}").glob("stack-*"))
    assert len(stacks) == 2
    assert all("unruly.py" in stack.read_text() for stack in stacks)
    assert _num_logged_bytes(Path(cli.environment["RAY_TMPDIR"])) < _MOST_LOGGED_BYTES < unruly.NUM_CHATTERED_BYTES


def _end(record: TrialRecord) -> tuple[TrialState, Cause | None, int]:
    return record.state, record.cause, record.num_attempts


def _num_logged_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
