"""Why a trial is where it is, from hand-made logs and from a simulated study."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.identity import frozen_settings
from orchestrator.explain import explain_ask, explain_trial
from orchestrator.records import Cause, EpochReport, TrialRecord, TrialState
from orchestrator.store.reading import LoggedEvent, StudyLog, read_log
from orchestrator.store.rows import Ask
from search_spaces.space import Point
from tests.simulation import STUDY, Simulation, config_of
from tests.synthetic import completed, measured, unfinished

LIMITED = STUDY + '[constraints]\nnum_parameters = "<= 1M"\n'
GAIN = {
    "how": "gain",
    "gain": 0.0125,
    "predicted_accuracy": 0.97,
    "accuracy_low": 0.96,
    "accuracy_high": 0.98,
    "predicted_epoch_s": 1.5,
    "num_observed": 7,
    "num_pending": 1,
    "num_judged": 1_500,
    "num_candidates": 9_812,
}
STOP = {"go_on": False, "reason": "chance 0.012", "chance": 0.012, "needed": 0.95, "predicted": 0.9312}
HALVED = {"go_on": False, "reason": "behind 3 of 9 trials", "chance": None, "needed": None, "predicted": None}


def reports(*accuracies: float) -> tuple[EpochReport, ...]:
    return tuple(
        EpochReport(epoch=epoch, accuracy=value, loss=0.1, train_loss=0.1, wall_time_s=2.0 * epoch)
        for epoch, value in enumerate(accuracies, start=1)
    )


def ask(number: int, **fields: Any) -> Ask:
    point = Point(family="resnet", values={"width": 8})
    return Ask(**{"number": number, "point": point, "violations": {}, "reason": GAIN, **fields})


def event(seq: int, kind: str, trial: int, **detail: Any) -> LoggedEvent:
    return LoggedEvent(seq=seq, at="2031-05-04T09:12:44+00:00", kind=kind, trial=trial, detail=detail)


@pytest.fixture
def frozen(tmp_path: Path) -> Mapping[str, Any]:
    return frozen_settings(config_of(tmp_path, LIMITED))


def log_of(
    frozen: Mapping[str, Any],
    *records: TrialRecord,
    asks: Sequence[Ask] | None = None,
    events: Sequence[LoggedEvent] = (),
) -> StudyLog:
    return StudyLog(
        name="simulated",
        frozen=frozen,
        constants={},
        asks=asks or [ask(record.number) for record in records],
        ask_of={record.number: record.number for record in records},
        records={record.number: record for record in records},
        events=events,
    )


def paragraph(log: StudyLog, number: int = 0) -> str:
    return explain_trial(log, number).paragraph


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (GAIN, "greatest gain per second among 1,500 of the 9,812 candidates left: 0.0125"),
        (GAIN, "an accuracy of 0.9700 (0.9600 to 0.9800) at 1.5 s an epoch, as 7 results told with 1 trial still"),
        (GAIN | {"predicted_epoch_s": None}, "(0.9600 to 0.9800), as 7 results"),
        ({"how": "spread", "num_candidates": 12}, "spread the study's first trials over the sizes of 12 candidates"),
        ({"how": "random"}, "drawn at random, because the sampler known-cost had brought nothing new"),
        ({}, "came from the sampler known-cost, which gives no reasons"),
    ],
)
def test_it_says_why_a_point_was_suggested(frozen: Mapping[str, Any], reason: Mapping[str, Any], words: str) -> None:
    log = log_of(frozen, completed(0, 0.9, 1000, 1.0), asks=[ask(0, reason=reason)])
    assert words in paragraph(log)
    assert explain_trial(log, 0).facts["suggested"] == reason


def test_a_stopped_trial_has_its_rung_its_chance_and_what_it_needed(frozen: Mapping[str, Any]) -> None:
    record = unfinished(
        0, TrialState.PRUNED, reports=reports(0.5, 0.7), predicted_accuracy=0.9312, message="chance 0.012"
    )
    log = log_of(frozen, record, events=[event(1, "epoch_reported", 0, epoch=2, accuracy=0.7, decision=STOP)])
    text = paragraph(log)
    for words in (
        "stopped at epoch 2 of 8 with accuracy 0.7000",
        "chance to join the front was 0.012",
        "0.9500",
        "0.9312",
    ):
        assert words in text
    facts = explain_trial(log, 0).facts
    assert facts["predicted_accuracy"] == 0.9312
    assert facts["decisions"] == [{"epoch": 2, "accuracy": 0.7, **STOP}]


def test_a_scheduler_that_predicts_nothing_is_quoted(frozen: Mapping[str, Any]) -> None:
    record = unfinished(0, TrialState.PRUNED, reports=reports(0.5))
    log = log_of(frozen, record, events=[event(1, "epoch_reported", 0, epoch=1, accuracy=0.5, decision=HALVED)])
    assert "at epoch 1 of 8 with accuracy 0.5000: behind 3 of 9 trials." in paragraph(log)


def test_a_small_chance_is_not_called_none(frozen: Mapping[str, Any]) -> None:
    record = unfinished(0, TrialState.PRUNED, reports=reports(0.5))
    decision = STOP | {"chance": 1e-9}
    log = log_of(frozen, record, events=[event(1, "epoch_reported", 0, epoch=1, accuracy=0.5, decision=decision)])
    assert "was below 0.001" in paragraph(log)


def test_an_epoch_that_was_trained_twice_is_judged_by_its_last_decision(frozen: Mapping[str, Any]) -> None:
    record = unfinished(0, TrialState.PRUNED, reports=reports(0.5))
    twice = [event(1, "epoch_reported", 0, epoch=1, accuracy=0.6, decision=STOP | {"go_on": True})]
    twice += [event(2, "epoch_reported", 0, epoch=1, accuracy=0.5, decision=STOP)]
    assert [one["go_on"] for one in explain_trial(log_of(frozen, record, events=twice), 0).facts["decisions"]] == [
        False
    ]


@pytest.mark.parametrize(
    ("state", "cause", "words"),
    [
        (
            TrialState.FAILED,
            Cause.DIVERGED,
            "FAILED at epoch 1 of 8 with accuracy 0.5000, because its training diverged",
        ),
        (TrialState.FAILED, Cause.WORKER_DIED, "because its workers died: loss is nan"),
        (TrialState.INFEASIBLE, Cause.OUT_OF_MEMORY, "INFEASIBLE at epoch 1 of 8 with accuracy 0.5000, because it did"),
    ],
)
def test_a_failure_has_its_cause_and_message(
    frozen: Mapping[str, Any], state: TrialState, cause: Cause, words: str
) -> None:
    record = unfinished(0, state, cause=cause, message="loss\nis nan.", reports=reports(0.5))
    text = paragraph(log_of(frozen, record))
    assert words in text
    assert "loss is nan." in text
    assert ".." not in text


def test_a_reused_result_names_its_source(frozen: Mapping[str, Any]) -> None:
    record = completed(0, 0.9, 1000, 1.0, cause=Cause.REUSED, message="taken from trial 3 of other")
    assert "It was not trained here: its result was taken from trial 3 of other" in paragraph(log_of(frozen, record))


def test_a_running_trial_says_how_far_it_is(frozen: Mapping[str, Any]) -> None:
    go_on = STOP | {"go_on": True, "reason": "chance 0.500"}
    record = unfinished(0, TrialState.RUNNING, reports=reports(0.5, 0.6, 0.7), wall_time_s=6.0)
    log = log_of(frozen, record, events=[event(1, "epoch_reported", 0, epoch=2, accuracy=0.6, decision=go_on)])
    text = paragraph(log)
    assert "RUNNING at epoch 3 of 8 with accuracy 0.7000, after 6 s of training" in text
    assert "go on after epoch 2: chance 0.500" in text
    assert "none of its 8 epochs" in paragraph(log_of(frozen, unfinished(0, TrialState.RUNNING)))


def test_lost_attempts_are_counted(frozen: Mapping[str, Any]) -> None:
    record = completed(0, 0.9, 1000, 1.0, num_attempts=3)
    events = [event(1, "attempt_ended", 0, how="worker_died"), event(2, "attempt_ended", 0, how="interrupted")]
    events += [event(3, "attempt_ended", 1, how="interrupted")]
    text = paragraph(log_of(frozen, record, events=events))
    assert "started 3 times: its workers died 1 time and it was interrupted 1 time." in text


def test_the_best_of_the_front_are_named_for_it(frozen: Mapping[str, Any]) -> None:
    small, fast, good = completed(0, 0.8, 100, 3.0), completed(1, 0.7, 300, 1.0), completed(2, 0.9, 400, 4.0)
    between, costly = completed(3, 0.85, 200, 3.5), completed(4, 0.89, 390, 3.4)
    log = log_of(frozen, small, fast, good, between, costly)
    assert "on the front of 5 trials: it is the smallest." in paragraph(log, 0)
    assert "it is the fastest." in paragraph(log, 1)
    assert "it is the most accurate." in paragraph(log, 2)
    assert "no trial with as few parameters is more accurate." in paragraph(log, 3)
    assert "no trial with as few parameters or with as low a latency is more accurate." in paragraph(log, 4)
    assert "provisional" in paragraph(log, 0)


def test_one_that_is_best_only_in_both_costs_together_says_so(frozen: Mapping[str, Any]) -> None:
    ends = [completed(0, 0.9, 100, 9.0), completed(1, 0.9, 900, 1.0)]
    log = log_of(frozen, *ends, completed(2, 0.8, 500, 5.0))
    assert "no trial with as few parameters and as low a latency is more accurate" in paragraph(log, 2)


def test_an_only_trial_is_not_compared(frozen: Mapping[str, Any]) -> None:
    assert "on the front of 1 trial: no other trial is on it" in paragraph(log_of(frozen, completed(0, 0.9, 10, 1.0)))


def test_a_dominated_trial_names_who_dominates_it_by_how_much(frozen: Mapping[str, Any]) -> None:
    log = log_of(frozen, completed(0, 0.9, 1000, 2.0), completed(1, 0.95, 500, 2.0), completed(2, 0.92, 900, 1.0))
    text = paragraph(log)
    assert "not on the front: trial 1 dominates it with accuracy 0.05 higher, num_parameters 50 % lower" in text
    assert "and so does 2." in text
    (first, _) = explain_trial(log, 0).facts["dominated_by"]
    assert first["trial"] == 1
    assert first["margins"]["num_parameters"] == 500


def test_a_completed_trial_outside_a_limit_says_by_how_much(frozen: Mapping[str, Any]) -> None:
    log = log_of(frozen, completed(0, 0.99, 1_310_000, 1.0))
    assert "num_parameters 1,310,000 breaks the limit of num_parameters at most 1,000,000 by 31 %" in paragraph(log)


def test_a_measured_latency_and_a_test_score_are_told(frozen: Mapping[str, Any]) -> None:
    record = completed(0, 0.9, 1000, 1.0, latency=measured(1.2), test_accuracy=0.0)
    text = paragraph(log_of(frozen, record))
    assert "Its latency was measured as 1.20 ms (1.18 to 1.24) and its test accuracy is 0.0000." in text
    assert "provisional" not in text


def test_a_refused_suggestion_names_the_limit_and_the_excess(frozen: Mapping[str, Any]) -> None:
    refused = ask(0, refusal="infeasible", violations={"num_parameters": 0.25})
    found = explain_ask(log_of(frozen, asks=[refused]), 0)
    assert (
        "was refused untrained: num_parameters 1,250,000 breaks the limit of num_parameters at most 1,000,000 by 25 %"
        in (found.paragraph)
    )
    assert found.facts["violations"] == {"num_parameters": 0.25}


def test_a_suggestion_of_an_unknown_family_is_still_explained(frozen: Mapping[str, Any]) -> None:
    point = Point(family="gone", values={"width": 8})
    for refusal, words in (
        ("duplicate", "an earlier trial has it"),
        ("impossible", "there is no such network (unknown family"),
    ):
        found = explain_ask(log_of(frozen, asks=[ask(0, refusal=refusal, point=point)]), 0)
        assert words in found.paragraph


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> StudyLog:
    """Of a study with a real store, in which something was refused."""
    folder = tmp_path_factory.mktemp("why")
    overrides = ["budget.trials=24", 'study.sampler="random"', 'constraints.num_parameters="<= 40k"']
    simulation = Simulation(folder / "study", config_of(folder, STUDY, *overrides))
    simulation.run()
    first = next(one for one in simulation.store.asks if one.refusal is None)
    simulation.store.refuse(dataclasses.replace(first, number=len(simulation.store.asks), refusal="duplicate"))
    simulation.store.close()
    return read_log(folder / "study")


def test_every_trial_of_a_study_has_a_paragraph_and_json_facts(log: StudyLog) -> None:
    for number, record in log.records.items():
        found = explain_trial(log, number)
        assert found.paragraph.startswith(f"Trial {number} is a {record.family} (")
        assert re.search(r"[a-z0-9%)]\.$", found.paragraph)
        assert "\n" not in found.paragraph
        assert json.loads(json.dumps(found.facts))["state"] == record.state


def test_the_ends_of_a_study_are_told_apart(log: StudyLog) -> None:
    texts = [explain_trial(log, number).paragraph for number in log.records]
    for words in ("It was stopped at epoch", "It is on the front of", "dominates it with"):
        assert any(words in text for text in texts), words


def test_a_refusal_is_told_by_its_limit(log: StudyLog) -> None:
    refused = [one.number for one in log.asks if one.refusal == "infeasible"]
    assert refused
    assert "breaks the limit of num_parameters at most 40,000" in explain_ask(log, refused[0]).paragraph


def test_a_duplicate_names_its_original(log: StudyLog) -> None:
    found = explain_ask(log, len(log.asks) - 1)
    assert found.facts["duplicate_of"] == 0
    assert "it is the architecture of trial 0" in found.paragraph


def test_a_suggestion_that_became_a_trial_is_explained_as_that(log: StudyLog) -> None:
    number, asked = next(iter(log.ask_of.items()))
    assert explain_ask(log, asked) == explain_trial(log, number)
