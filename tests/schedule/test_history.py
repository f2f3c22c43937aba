"""Columns and ranks that are kept from decision to decision equal those that are made anew."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.records import EpochReport, TrialRecord, TrialState
from orchestrator.schedule import asha, rule
from orchestrator.schedule.history import History
from orchestrator.schedule.progress import Peers, Progress, progress
from orchestrator.schedule.ranking import Ranking
from tests.schedule.trials import RUNG
from tests.synthetic import OBJECTIVES, completed, unfinished

RUNGS = (2, RUNG)


@st.composite
def _changes(draw: st.DrawFn) -> list[TrialRecord]:
    """Trials that begin, report, redo epochs after a lost worker, and end, in some order."""
    records: dict[int, TrialRecord] = {}
    sequence = []
    for _ in range(draw(st.integers(0, 60))):
        number = draw(st.integers(0, len(records)))
        record = records.get(number)
        if record is None:
            record = dataclasses.replace(
                unfinished(number, TrialState.RUNNING),
                num_parameters=draw(st.integers(1, 5)),
                predicted_latency_ms=float(draw(st.integers(1, 5))),
            )
        elif not record.state.is_end:
            record = _advanced(record, draw(st.sampled_from(("report", "report", "report", "redo", "end"))), draw)
        records[number] = record
        sequence.append(record)
    return sequence


def _advanced(record: TrialRecord, what: str, draw: st.DrawFn) -> TrialRecord:
    if what == "end":
        return dataclasses.replace(record, state=TrialState.COMPLETED, accuracy=draw(st.integers(0, 9)) / 10)
    kept = record.reports[: draw(st.integers(0, len(record.reports)))] if what == "redo" else record.reports
    report = EpochReport(
        epoch=len(kept) + 1, accuracy=draw(st.integers(0, 5)) / 5, loss=1.0, train_loss=1.0, wall_time_s=1.0
    )
    return dataclasses.replace(record, reports=(*kept, report))


@settings(max_examples=60)
@given(_changes(), st.integers(1, 7))
def test_a_history_that_is_kept_equals_one_that_is_made_anew(changes: list[TrialRecord], stride: int) -> None:
    kept, records = History(OBJECTIVES, RUNGS), {}
    rankings = {rung: Ranking() for rung in RUNGS}
    for step, change in enumerate(changes):
        records[change.number] = change
        if step % stride:
            continue
        kept.observe(records)
        for rung in RUNGS:
            peers = kept.peers(rung, of=change.number)
            others = [progress(one, OBJECTIVES) for one in records.values() if one.number != change.number]
            _check_same(peers, Peers.at(rung, others))
            assert rankings[rung].ranks(peers).tolist() == asha.ranks(peers).tolist()


def _check_same(peers: Peers, anew: Peers) -> None:
    """The row of the trial that is judged is blank, in place of absent: no rule can tell the two apart."""
    for value in (0.0, 0.5, 1.0):
        candidate = Progress(costs=(3.0, 3.0), accuracy_at={peers.rung: value})
        assert rule.decide(candidate, peers) == rule.decide(candidate, anew)
        assert asha.decide(candidate, peers) == asha.decide(candidate, anew)


def test_a_record_that_is_the_same_object_is_not_read_again() -> None:
    record = completed(0, 0.9, 1000, 1.0)
    history = History(OBJECTIVES, RUNGS)
    history.observe({0: record})
    object.__setattr__(record, "accuracy", 0.1)  # what the store never does
    history.observe({0: record})
    assert history.peers(RUNG, of=99).final_N.tolist() == [0.9]


def test_peers_stay_as_they_were_when_the_study_goes_on() -> None:
    history = History(OBJECTIVES, RUNGS)
    running = unfinished(0, TrialState.RUNNING)
    history.observe({0: running})
    peers = history.peers(RUNG, of=99)
    history.observe({0: completed(0, 0.8, 1000, 1.0), 1: completed(1, 0.7, 500, 1.0)})
    assert np.isnan(peers.final_N).tolist() == [True]
    assert history.peers(RUNG, of=99).final_N.tolist() == [0.8, 0.7]


def test_records_in_another_order_are_found_in_their_rows() -> None:
    history = History(OBJECTIVES, RUNGS)
    first, second = completed(0, 0.9, 1000, 1.0), unfinished(1, TrialState.RUNNING)
    history.observe({1: second, 0: first})
    history.observe({1: completed(1, 0.6, 500, 1.0), 0: first})
    assert history.peers(RUNG, of=99).final_N.tolist() == [0.9, 0.6]


def test_a_history_of_many_trials_is_taken_in_at_once() -> None:
    history = History(OBJECTIVES, RUNGS)
    history.observe({number: completed(number, number / 1000, 1000, 1.0) for number in range(1000)})
    assert history.peers(RUNG, of=1000).final_N.tolist() == [number / 1000 for number in range(1000)]
