"""A search that ends before its trials are spent: no new trial, no lost one, and the reason where it can be read."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.store.database import Database
from orchestrator.study.clock import StudyClock
from orchestrator.study.ending import SearchEnd
from tests.study.conftest import Trials


def search_end(trials: Trials, told: list[str]) -> SearchEnd:
    return SearchEnd(trials.store, trials.config, clock=StudyClock(trials.store), tell=told.append)


def recorded_reasons(trials: Trials) -> list[str]:
    rows = Database.open_for_reading(trials.store.paths.database).rows(
        "SELECT detail FROM event WHERE kind = 'search_ended' AND trial IS NULL ORDER BY seq"
    )
    return [json.loads(row["detail"])["reason"] for row in rows]


def test_without_a_criterion_new_trials_may_start(trials: Trials) -> None:
    told: list[str] = []
    end = search_end(trials, told)
    trials.complete(0.9, 1000)
    assert end.may_start()
    assert (end.reason, told, recorded_reasons(trials)) == (None, [], [])


def test_the_reason_is_told_and_recorded_once(tmp_path: Path) -> None:
    trials, told = Trials(tmp_path, "budget.patience=2"), list[str]()
    end = search_end(trials, told)
    for _ in range(3):
        assert end.may_start()
        trials.complete(0.9, 1000)
    assert not end.may_start()
    assert not end.may_start()
    assert told == recorded_reasons(trials) == ["the front has grown by at most 0.1 % in the last 2 trials"]


def test_a_trial_that_still_ran_may_move_the_front_and_starts_no_other(tmp_path: Path) -> None:
    trials = Trials(tmp_path, "budget.patience=2")
    end = search_end(trials, [])
    for _ in range(3):
        trials.complete(0.9, 1000)
    assert not end.may_start()
    trials.complete(0.99, 10)
    assert not end.may_start()


def test_a_trial_that_lost_its_workers_goes_on_to_its_end(tmp_path: Path) -> None:
    trials = Trials(tmp_path, 'budget.wall_time="1 s"')
    trials.store.add_wall_time(2.0)
    record = trials.start()
    end = search_end(trials, [])
    assert not end.may_start()
    trials.store.end_attempt(record.number, "worker_died")
    assert end.may_start()
    trials.store.restart(record.number)
    assert not end.may_start()


def test_a_resumed_study_whose_time_is_spent_starts_nothing_and_says_so(tmp_path: Path) -> None:
    trials = Trials(tmp_path, 'budget.wall_time="2 h"')
    trials.complete(0.9, 1000)
    assert search_end(trials, []).may_start()
    trials.store.add_wall_time(7200.0)
    trials.reopen()
    told: list[str] = []
    assert not search_end(trials, told).may_start()
    assert told == recorded_reasons(trials) == ["a wall time of 2 h is spent"]


def test_time_counts_over_all_sessions(trials: Trials) -> None:
    trials.store.add_wall_time(100.0)
    trials.reopen()
    clock = StudyClock(trials.store)
    assert 100.0 <= clock.wall_time_s < 160.0
    clock.count()
    trials.reopen()
    assert trials.store.wall_time_s >= 100.0
    assert StudyClock(trials.store).wall_time_s < 160.0
