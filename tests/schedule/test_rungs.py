"""The rules over a study's store: who is compared with whom, and at which epochs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestrator.records import EpochReport, TrialRecord
from orchestrator.schedule.rungs import rung_judge
from tests.study.conftest import Trials

RUNGS = (1, 3)
"""Of the 8 epochs of the study, of which 5.6 have a constant learning rate."""


def report(epoch: int, accuracy: float) -> EpochReport:
    return EpochReport(epoch=epoch, accuracy=accuracy, loss=1.0, train_loss=1.0, wall_time_s=float(epoch))


def train(trials: Trials, final: float, num_parameters: int = 1000) -> TrialRecord:
    """A trial that ends half-way between the accuracy of its epochs and 1."""
    record = trials.complete(0.5 + final / 2, num_parameters)
    changed = dataclasses.replace(record, reports=tuple(report(epoch, final) for epoch in range(1, 9)))
    trials.store.records[record.number] = changed
    return changed


def twelve(trials: Trials) -> None:
    for place in range(12):
        train(trials, 0.4 + 0.02 * place)


def test_no_scheduler_judges_nobody(tmp_path: Path) -> None:
    trials = Trials(tmp_path, 'study.scheduler="none"')
    twelve(trials)
    judge = rung_judge(trials.store, trials.config)
    assert [judge(trials.start(), report(epoch, 0.0)) for epoch in range(1, 9)] == [None] * 8


@pytest.mark.parametrize("scheduler", ["front", "asha"])
def test_rungs_stop_the_hopeless_and_no_other_epoch_does(tmp_path: Path, scheduler: str) -> None:
    trials = Trials(tmp_path, f'study.scheduler="{scheduler}"')
    twelve(trials)
    judge, record = rung_judge(trials.store, trials.config), trials.start()
    for epoch in range(1, 9):
        worst, best = judge(record, report(epoch, 0.1)), judge(record, report(epoch, 0.9))
        if epoch in RUNGS:
            assert worst is not None
            assert best is not None
            assert (worst.go_on, best.go_on) == (False, True)
        else:
            assert worst is best is None


@pytest.mark.parametrize("scheduler", ["front", "asha"])
def test_trials_that_end_between_two_decisions_are_seen_by_the_second(tmp_path: Path, scheduler: str) -> None:
    trials = Trials(tmp_path, f'study.scheduler="{scheduler}"')
    judge, record = rung_judge(trials.store, trials.config), trials.start()
    before = judge(record, report(3, 0.1))
    twelve(trials)
    after = judge(record, report(3, 0.1))
    assert before is not None
    assert after is not None
    assert (before.go_on, after.go_on) == (True, False)


@pytest.mark.parametrize("scheduler", ["front", "asha"])
def test_a_rung_that_is_redone_is_judged_by_its_new_value_alone(tmp_path: Path, scheduler: str) -> None:
    """A worker that was lost goes on from an earlier checkpoint: what its first attempt reported is void."""
    trials = Trials(tmp_path, f'study.scheduler="{scheduler}"')
    twelve(trials)
    judge, record = rung_judge(trials.store, trials.config), trials.start()
    fresh = judge(record, report(3, 0.2))
    redone = dataclasses.replace(record, reports=tuple(report(epoch, 0.9) for epoch in range(1, 6)))
    trials.store.records[record.number] = redone
    assert judge(redone, report(3, 0.2)) == fresh


@pytest.mark.parametrize("scheduler", ["front", "asha"])
def test_a_reproducible_study_is_judged_by_trials_long_before_alone(tmp_path: Path, scheduler: str) -> None:
    overrides = (f'study.scheduler="{scheduler}"', "study.reproducible=true", "resources.max_concurrent_trials=2")
    trials = Trials(tmp_path, *overrides)
    assert trials.config.lag == 4
    for place in range(9):
        train(trials, 0.4 + 0.02 * place)
    record = trials.start()
    judge = rung_judge(trials.store, trials.config)
    decisions = [judge(record, report(3, 0.1))]
    trials.store.records[6] = dataclasses.replace(trials.store.records[6], accuracy=0.0)
    decisions.append(judge(record, report(3, 0.1)))
    twelve(trials)
    decisions.append(judge(record, report(3, 0.1)))
    decisions.append(rung_judge(trials.store, trials.config)(record, report(3, 0.1)))
    assert decisions == [decisions[0]] * 4
    trials.store.records[5] = dataclasses.replace(trials.store.records[5], accuracy=0.99, reports=())
    assert rung_judge(trials.store, trials.config)(record, report(3, 0.1)) != decisions[0]
