"""Several studies side by side: what may be compared, and what comes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import pareto
from orchestrator.compare import compare
from orchestrator.compare.entry import Entry
from orchestrator.compare.volume import coverage, front_rows, hypervolume
from orchestrator.config.identity import frozen_settings
from orchestrator.config.settings import SearchConfig
from orchestrator.errors import BadInputError
from orchestrator.objectives import ACCURACY, DIRECTIONS, LATENCY_MS, NUM_PARAMETERS, THROUGHPUT_PER_S, Objective
from orchestrator.records import Cause, LatencyConditions, TrialRecord, TrialState
from orchestrator.selector import LatencyBasis
from tests.simulation import config_of
from tests.synthetic import CONDITIONS, OBJECTIVES, completed, measured, study, unfinished


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> SearchConfig:
    return config_of(tmp_path_factory.mktemp("compare"))


Make = Callable[..., Entry]
UNDER = {LATENCY_MS: CONDITIONS, THROUGHPUT_PER_S: CONDITIONS}


@pytest.fixture(scope="module")
def make(config: SearchConfig) -> Make:
    def entry(label: str, *records: TrialRecord, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Entry:
        frozen = frozen_settings(config)
        for table, values in (changes or {}).items():
            frozen[table] = {**frozen[table], **values}
        snapshot = dataclasses.replace(study(1), study_id=label, name=label, records=records, frozen=frozen)
        return Entry(label=label, snapshot=dataclasses.replace(snapshot, constraints=()), predicted_under=UNDER)

    return entry


def timed(number: int, accuracy: float, num_parameters: int, median_ms: float, **fields: Any) -> TrialRecord:
    return completed(number, accuracy, num_parameters, median_ms, latency=measured(median_ms), **fields)


def test_the_better_study_has_the_greater_volume_and_covers_the_other(make: Make) -> None:
    good = make("good", timed(0, 0.99, 10_000, 1.0), timed(1, 0.95, 1_000, 0.5))
    poor = make("poor", timed(2, 0.97, 20_000, 1.1), timed(3, 0.90, 2_000, 0.6))
    found = compare([good, poor])
    assert found.ground.basis is LatencyBasis.MEASURED
    assert found.ground.warnings == ()
    first, second = found.standings
    assert first.hypervolume > second.hypervolume
    assert found.joint_hypervolume == pytest.approx(first.hypervolume)
    assert found.coverage["good", "poor"] == 1.0
    assert found.coverage["poor", "good"] == 0.0
    assert first.on_joint_front == {0, 1}
    assert second.on_joint_front == frozenset()


def test_what_one_found_and_the_other_never_tried_is_told_from_what_it_dropped(make: Make) -> None:
    shared = completed(0, 0.9, 1_000, 0.5).architecture_id
    one = make("one", timed(0, 0.90, 1_000, 0.5), timed(1, 0.99, 9_000, 1.0))
    other = make("other", unfinished(0, TrialState.PRUNED), timed(2, 0.95, 5_000, 0.8))
    found = compare([one, other])
    assert shared == other.snapshot.records[0].architecture_id
    assert found.standings[0].unseen == {1}
    assert found.standings[1].unseen == {2}


def test_an_architecture_that_both_trained_says_how_far_apart_two_trainings_are(make: Make) -> None:
    one = make("one", timed(0, 0.90, 1_000, 0.5), timed(1, 0.99, 9_000, 1.0))
    other = make("other", timed(0, 0.92, 1_000, 0.5), timed(7, 0.95, 5_000, 0.8))
    (shared,) = compare([one, other]).shared
    assert shared.num_architectures == 1
    assert shared.accuracy_gap == pytest.approx(0.02)


@pytest.mark.parametrize(("table", "values"), [("data", {"validation_share": 0.3}), ("task", {"num_classes": 7})])
def test_other_data_are_refused(make: Make, table: str, values: dict[str, Any]) -> None:
    one, other = make("one", timed(0, 0.9, 10, 1.0)), make("other", timed(1, 0.9, 10, 1.0), changes={table: values})
    with pytest.raises(BadInputError, match=f"different data(.|\n)*{table}.{next(iter(values))}"):
        compare([one, other])


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        ("recipe", {"epochs": 99}, "another recipe than one (recipe.epochs: 8 -> 99"),
        ("study", {"seed": 5}, "has the seed 5 and one 0"),
    ],
)
def test_another_training_is_warned_of(make: Make, table: str, values: dict[str, Any], words: str) -> None:
    one, other = make("one", timed(0, 0.9, 10, 1.0)), make("other", timed(1, 0.9, 10, 1.0), changes={table: values})
    (warning,) = compare([one, other]).ground.warnings
    assert words in warning


def test_latencies_under_other_conditions_are_left_out(make: Make) -> None:
    elsewhere = dataclasses.replace(CONDITIONS, device="cpu: another")
    one = make("one", timed(0, 0.9, 1_000, 1.0))
    slow = completed(1, 0.95, 900, 9.0, latency=measured(9.0, conditions=elsewhere))
    found = compare([one, make("other", slow)])
    assert [objective.name for objective in found.ground.objectives] == [ACCURACY, NUM_PARAMETERS]
    assert "cpu: another" in found.ground.warnings[0]
    assert found.coverage["other", "one"] == 1.0


def test_predictions_of_another_device_are_left_out(make: Make) -> None:
    one = make("one", completed(0, 0.9, 1_000, 1.0))
    elsewhere = dataclasses.replace(CONDITIONS, device="cpu: another")
    under = {LATENCY_MS: elsewhere}
    other = dataclasses.replace(make("other", completed(1, 0.95, 900, 1.0)), predicted_under=under)
    assert LATENCY_MS not in [objective.name for objective in compare([one, other]).ground.objectives]


def test_throughput_under_other_conditions_is_left_out_and_latency_is_not(make: Make) -> None:
    def entry(label: str, conditions: LatencyConditions) -> Entry:
        throughput = measured(8.0, conditions=conditions)
        made = make(label, timed(0, 0.9, 1_000, 1.0, predicted_throughput_per_s=900.0, throughput=throughput))
        objectives = (*OBJECTIVES, Objective(name=THROUGHPUT_PER_S, direction=DIRECTIONS[THROUGHPUT_PER_S]))
        return dataclasses.replace(made, snapshot=dataclasses.replace(made.snapshot, objectives=objectives))

    small, large = (dataclasses.replace(CONDITIONS, batch_size=size) for size in (64, 256))
    found = compare([entry("one", small), entry("other", large)])
    assert found.ground.objectives == OBJECTIVES
    assert found.ground.warnings[0].startswith("throughput holds under different conditions and is left out")
    assert compare([entry("one", small), entry("other", small)]).ground.objectives[-1].name == THROUGHPUT_PER_S


def test_a_result_that_was_taken_over_is_not_counted_as_training(make: Make) -> None:
    trained = timed(0, 0.9, 1_000, 1.0, wall_time_s=30.0)
    taken = timed(1, 0.95, 2_000, 1.1, wall_time_s=500.0, cause=Cause.REUSED)
    found = compare([make("one", trained, taken), make("other", trained)])
    assert [standing.training_s for standing in found.standings] == [30.0, 30.0]


def test_where_nothing_timed_is_compared_it_does_not_matter_what_was_measured(make: Make) -> None:
    def volume(*records: TrialRecord) -> float:
        entries = [make("one", *records), make("other", timed(2, 0.98, 2_500, 1.0))]
        untimed = [dataclasses.replace(one.snapshot, objectives=OBJECTIVES[:2]) for one in entries]
        pair = [dataclasses.replace(one, snapshot=two) for one, two in zip(entries, untimed, strict=True)]
        return compare(pair).standings[0].hypervolume

    dominated = completed(1, 0.5, 90_000, 9.0)
    assert volume(timed(0, 0.99, 2_000, 1.0), dominated) == volume(completed(0, 0.99, 2_000, 1.0), dominated)


def test_a_front_that_is_not_measured_is_compared_as_predicted_and_that_is_said(make: Make) -> None:
    found = compare([make("one", timed(0, 0.9, 10, 1.0)), make("other", completed(1, 0.95, 20, 1.0))])
    assert found.ground.basis is LatencyBasis.PREDICTED
    assert "not all of the front of other is measured" in found.ground.warnings[0]
    assert len(found.standings[0].front) == 1


def test_an_objective_that_one_lacks_is_left_out(make: Make) -> None:
    one, other = make("one", timed(0, 0.9, 10, 1.0)), make("other", timed(1, 0.9, 10, 1.0))
    fewer = dataclasses.replace(other, snapshot=dataclasses.replace(other.snapshot, objectives=OBJECTIVES[:2]))
    found = compare([one, fewer])
    assert found.ground.warnings == ("latency_ms is an objective of one and not of all: it is left out",)


def test_a_study_is_not_compared_with_itself(make: Make) -> None:
    entry = make("one", timed(0, 0.9, 10, 1.0))
    with pytest.raises(BadInputError, match="are the same study"):
        compare([entry, dataclasses.replace(entry, label="again")])
    with pytest.raises(BadInputError, match="nothing to be compared with"):
        compare([entry])


def test_a_study_without_a_completed_trial_has_no_volume(make: Make) -> None:
    found = compare([make("one", timed(0, 0.9, 10, 1.0)), make("empty", unfinished(0, TrialState.RUNNING))])
    assert [standing.hypervolume > 0 for standing in found.standings] == [True, False]


points = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 3), min_size=1, max_size=8).map(np.array)


@given(points, points)
def test_covering_all_of_another_front_is_having_at_least_its_volume(ones: Any, others: Any) -> None:
    if coverage(ones, others[front_rows(others)]) == 1.0:
        assert hypervolume(ones) >= hypervolume(others) - 1e-12


@given(points)
def test_a_front_covers_all_points_and_has_their_volume(ones: Any) -> None:
    front = ones[front_rows(ones)]
    assert coverage(front, ones) == 1.0
    assert hypervolume(front) == pytest.approx(hypervolume(ones))
    assert hypervolume(front) <= pareto.REFERENCE**3
