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
from orchestrator.records import Cause, SeedResult, TrialState
from orchestrator.status import Holder, Phase, StudyStatus, status
from orchestrator.store.messages import MessageKind, WorkerResult
from orchestrator.store.opening import take
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


def test_once_the_search_is_over_further_trainings_are_counted_and_no_pace_is_told(simulation: Simulation) -> None:
    note_session(simulation.store, simulation.config, command="archfront search simulated.toml")
    simulation.run()
    member = seen(simulation).front[0].number
    simulation.store.add_seed(member, SeedResult(seed=1, accuracy=0.9))
    found = seen(simulation)
    assert (found.phase, found.num_further) == (Phase.CONFIRMING, 1)
    assert (found.rate_per_s, found.remaining_s) == (None, None)


def test_results_that_were_taken_over_are_none_of_the_budget(simulation: Simulation) -> None:
    note_session(simulation.store, simulation.config, command="archfront search simulated.toml")
    simulation.run(until=lambda: num_ended(simulation) >= 5)
    before = seen(simulation, after_s=60.0)
    with sqlite3.connect(simulation.store.paths.database) as database:
        database.execute("UPDATE trial SET cause = 'reused' WHERE number < 2 AND state = 'COMPLETED'")
    database.close()
    found = seen(simulation, after_s=60.0)
    num_reused = sum(one.cause is Cause.REUSED for one in found.glance.snapshot.records)
    assert num_reused > 0
    assert found.remaining_s is not None
    assert before.remaining_s is not None
    assert found.rate_per_s is not None
    assert found.remaining_s == pytest.approx(before.remaining_s + num_reused / found.rate_per_s, rel=0.01)


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
    newest = tuple(f"trial {number} FAILED (error): line {number} of it" for number in (4, 3, 2))
    assert seen(simulation).errors == newest
    simulation.store.close()
    with contextlib.closing(take(root_of(simulation))):
        assert seen(simulation).errors == newest  # of an earlier session


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
