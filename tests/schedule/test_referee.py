from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.records import Cause, TrialState
from orchestrator.store.messages import Message, MessageKind, WorkerResult, from_tune
from orchestrator.store.stacks import stack_file
from tests.simulation import Simulation, config_of


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path / "study", config_of(tmp_path))


def test_a_lost_attempt_is_handed_out_again_before_anything_new(simulation: Simulation) -> None:
    first, second = simulation.proposals.next(), simulation.proposals.next()
    assert first is not None
    assert second is not None
    simulation.advance(first)
    simulation.receive(first, MessageKind.LOST, detail="killed")
    again = simulation.proposals.next()
    assert again is not None
    assert (again.trial, again.number) == (first.trial, 2)


def test_messages_of_an_earlier_attempt_change_nothing(simulation: Simulation) -> None:
    first = simulation.proposals.next()
    assert first is not None
    simulation.receive(first, MessageKind.LOST, detail="killed")
    simulation.proposals.next()
    before = simulation.store.records[first.trial]
    assert simulation.advance(first) is False
    late = WorkerResult(state=TrialState.COMPLETED, accuracy=0.9, loss=0.1)
    assert simulation.receive(first, MessageKind.END, result=late) is False
    assert simulation.store.records[first.trial] == before


def test_three_deaths_fail_a_trial_with_their_cause(simulation: Simulation) -> None:
    for _ in range(3):
        attempt = simulation.proposals.next()
        assert attempt is not None
        assert attempt.trial == 0
        simulation.receive(attempt, MessageKind.LOST, detail="its node is gone")
    record = simulation.store.records[0]
    assert (record.state, record.cause) == (TrialState.FAILED, Cause.WORKER_DIED)
    assert "its node is gone" in record.message


def test_deaths_between_which_a_trial_gets_further_are_not_in_a_row(simulation: Simulation) -> None:
    for _ in range(3):
        attempt = simulation.proposals.next()
        assert attempt is not None
        for _ in range(2):  # the first may be the last one of the attempt before, told again
            simulation.advance(attempt)
        simulation.receive(attempt, MessageKind.LOST, detail="its spot node is gone")
        assert simulation.store.deaths(0) == [Cause.WORKER_DIED]
    assert simulation.store.records[0].state is TrialState.RUNNING


def test_an_epoch_that_is_told_again_gets_no_trial_further(simulation: Simulation) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    simulation.advance(attempt)
    told = simulation.store.records[0].reports[0]
    simulation.receive(attempt, MessageKind.LOST, detail="killed")
    for _ in range(2):
        again = simulation.proposals.next()
        assert again is not None
        simulation.receive(again, MessageKind.REPORT, report=told)
        simulation.receive(again, MessageKind.LOST, detail="killed")
    assert simulation.store.records[0].state is TrialState.FAILED


def test_interruptions_are_no_deaths(simulation: Simulation) -> None:
    for _ in range(5):
        attempt = simulation.proposals.next()
        assert attempt is not None
        simulation.receive(attempt, MessageKind.INTERRUPTED)
    assert simulation.store.records[0].state is TrialState.RUNNING
    assert simulation.store.deaths(0) == []


def test_an_epoch_that_is_redone_replaces_what_came_after_it(simulation: Simulation) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    for _ in range(4):
        simulation.advance(attempt)
    simulation.receive(attempt, MessageKind.LOST, detail="killed")
    again = simulation.proposals.next()
    assert again is not None
    redone = simulation.store.records[0].reports[1]
    simulation.receive(again, MessageKind.REPORT, report=redone)
    assert [report.epoch for report in simulation.store.records[0].reports] == [1, 2]


def test_stopped_trials_are_pruned_and_never_stand_on_the_front(simulation: Simulation) -> None:
    from orchestrator.selector import front

    simulation.run()
    pruned = [record for record in simulation.store.records.values() if record.state is TrialState.PRUNED]
    assert pruned
    assert all(record.message.startswith("chance 0.0") and record.accuracy is None for record in pruned)
    members = front(simulation.store.records.values(), simulation.config.objectives)
    assert all(record.state is TrialState.COMPLETED for record in members)


def test_nothing_is_stopped_without_a_scheduler(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, *_no_scheduler()))
    simulation.run()
    assert {record.state for record in simulation.store.records.values()} == {TrialState.COMPLETED}


def _no_scheduler() -> tuple[str, str]:
    from tests.simulation import STUDY

    return STUDY, 'study.scheduler="none"'


def test_a_message_survives_the_way_through_tune() -> None:
    message = Message(
        trial=3,
        token="t",
        kind=MessageKind.END,
        result=WorkerResult(state=TrialState.FAILED, cause=Cause.ERROR, message='a "quoted" €'),
    )
    assert from_tune(message.to_tune() | {"training_iteration": 3}) == message
    assert from_tune({"done": True}) is None


def die(simulation: Simulation, *causes: Cause) -> None:
    """The attempts of the first trial end one after the other."""
    for cause in causes:
        attempt = simulation.proposals.next()
        assert attempt is not None
        assert attempt.trial == 0
        if cause is Cause.TIMEOUT:
            folder = simulation.store.paths.trial(0).root
            stack_file(folder, token=attempt.token, rank=0).write_text('  File "/x/own.py", line 31 in forward\n')
        simulation.referee.lose(0, attempt.token, "the details", cause=cause)


def test_three_hangs_fail_a_trial_with_the_place_and_the_file(simulation: Simulation) -> None:
    die(simulation, Cause.TIMEOUT, Cause.TIMEOUT)
    assert simulation.store.records[0].state is TrialState.RUNNING
    die(simulation, Cause.TIMEOUT)
    record = simulation.store.records[0]
    assert (record.state, record.cause) == (TrialState.FAILED, Cause.TIMEOUT)
    assert "forward (own.py:31); see trials/00000/stack-" in record.message


def test_deaths_of_all_kinds_count_and_the_last_is_the_cause(simulation: Simulation) -> None:
    die(simulation, Cause.TIMEOUT, Cause.OUT_OF_MEMORY, Cause.WORKER_DIED)
    record = simulation.store.records[0]
    assert (record.state, record.cause) == (TrialState.FAILED, Cause.WORKER_DIED)
    assert record.message == "its workers died 3 times in a row; the last time: the details"


def test_a_trial_that_always_dies_of_memory_is_infeasible(simulation: Simulation) -> None:
    die(simulation, Cause.OUT_OF_MEMORY, Cause.OUT_OF_MEMORY, Cause.OUT_OF_MEMORY)
    record = simulation.store.records[0]
    assert (record.state, record.cause) == (TrialState.INFEASIBLE, Cause.OUT_OF_MEMORY)


def test_a_trial_that_died_of_memory_in_the_end_has_failed_of_it(simulation: Simulation) -> None:
    die(simulation, Cause.WORKER_DIED, Cause.OUT_OF_MEMORY, Cause.OUT_OF_MEMORY)
    record = simulation.store.records[0]
    assert (record.state, record.cause) == (TrialState.FAILED, Cause.OUT_OF_MEMORY)


def test_workers_that_can_not_write_end_the_session_and_not_the_trial(simulation: Simulation) -> None:
    attempt = simulation.proposals.next()
    assert attempt is not None
    with pytest.raises(StorageError, match="disk full"):
        simulation.receive(attempt, MessageKind.INTERRUPTED, detail="disk full")
    assert simulation.store.records[0].state is TrialState.RUNNING
    assert simulation.store.lost_trials() == [0]
    assert simulation.store.deaths(0) == []
