"""A study as another terminal sees it: running, given back, killed."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.errors import StudyError
from orchestrator.records import Cause, TrialState
from orchestrator.status import Holder, Phase, StudyStatus, status
from orchestrator.store.messages import MessageKind, WorkerResult
from orchestrator.study.session import note_session
from tests.simulation import STUDY, Simulation, config_of

RANDOM = 'study.sampler="random"'


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    one = Simulation(tmp_path / "runs" / "simulated", config_of(tmp_path, STUDY, RANDOM, "budget.trials=12"))
    yield one
    with contextlib.suppress(sqlite3.ProgrammingError):  # the test has closed it
        one.store.close()


def root_of(simulation: Simulation) -> Path:
    return simulation.store.paths.root


def seen(simulation: Simulation, *, after_s: float = 0.0) -> StudyStatus:
    return status(root_of(simulation), now=datetime.now(UTC) + timedelta(seconds=after_s))


def num_ended(simulation: Simulation) -> int:
    return sum(record.state.is_end for record in simulation.store.records.values())


def test_before_its_first_trial_a_held_study_is_starting(simulation: Simulation) -> None:
    found = seen(simulation)
    assert (found.holder, found.phase) == (Holder.RUNNING, Phase.STARTING)
    assert found.rate_per_s is None


def test_a_running_study_shows_its_trials_and_their_epochs(simulation: Simulation) -> None:
    note_session(simulation.store, simulation.config, command="archfront search simulated.toml")
    simulation.run(until=lambda: num_ended(simulation) >= 4)
    attempt = simulation.proposals.next()
    assert attempt is not None
    for _ in range(3):
        simulation.advance(attempt)
    found = seen(simulation, after_s=60.0)
    assert found.phase is Phase.SEARCHING
    assert found.states[TrialState.RUNNING] == len(found.running) >= 1
    mine = next(one for one in found.running if one.record.number == attempt.trial)
    assert (mine.epoch, mine.num_epochs) == (3, 8)
    assert found.num_trials == 12
    assert found.rate_per_s is not None
    num_left = 12 - num_ended(simulation)
    assert found.remaining_s == pytest.approx(num_left / found.rate_per_s)
    assert found.num_unsent == simulation.store.num_unacknowledged


def test_a_study_that_notes_no_budget_has_a_pace_and_no_end(simulation: Simulation) -> None:
    simulation.run(until=lambda: num_ended(simulation) >= 4)
    found = seen(simulation, after_s=60.0)
    assert found.rate_per_s is not None
    assert (found.num_trials, found.remaining_s) == (None, None)


def test_a_study_that_was_given_back_says_how_it_goes_on(simulation: Simulation) -> None:
    command = "archfront search simulated.toml --trials 12"
    note_session(simulation.store, simulation.config, command=command)
    simulation.run()
    simulation.store.close()
    found = seen(simulation)
    assert (found.holder, found.phase) == (Holder.NOBODY, None)
    assert found.resume == command
    assert found.rate_per_s is None
    assert found.front


def test_a_killed_driver_is_told_from_one_that_works(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from tests.simulation import *\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"one = Simulation(folder / 'runs' / 'simulated', config_of(folder, STUDY, {RANDOM!r}))\n"
        "one.run(until=lambda: len(one.store.records) >= 3)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == -9
    found = status(tmp_path / "runs" / "simulated")
    assert (found.holder, found.phase) == (Holder.DEAD, None)
    assert found.states[TrialState.RUNNING] >= 1
    assert found.resume.startswith("archfront search simulated --storage ")


def test_failures_are_told_newest_first(simulation: Simulation) -> None:
    for number in range(5):
        attempt = simulation.proposals.next()
        assert attempt is not None
        failed = WorkerResult(state=TrialState.FAILED, cause=Cause.ERROR, message=f"line {number}\nof it")
        simulation.receive(attempt, MessageKind.END, result=failed)
    assert seen(simulation).errors == tuple(
        f"trial {number} FAILED (error): line {number} of it" for number in (4, 3, 2)
    )


def test_looking_keeps_nobody_from_writing(simulation: Simulation) -> None:
    from orchestrator.store.reading import opened

    with opened(root_of(simulation)) as database, database.one_moment():
        before = len(database.rows("SELECT * FROM trial"))
        simulation.run(until=lambda: num_ended(simulation) >= 2)
        assert len(database.rows("SELECT * FROM trial")) == before == 0
    assert len(seen(simulation).glance.snapshot.records) >= 2


def test_no_study_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        status(tmp_path / "absent")
