"""The score: hypervolume against brute force, the oracle as a bound, costs that compare across workers."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import pareto
from orchestrator.config.settings import LatencySettings
from orchestrator.errors import NothingFeasibleError
from orchestrator.objectives import (
    ACCURACY,
    DIRECTIONS,
    LATENCY_MS,
    MACS,
    NUM_PARAMETERS,
    PEAK_MEMORY_BYTES,
    Constraint,
    Objective,
)
from orchestrator.simulate.score import Completion, Scorer
from orchestrator.simulate.table import ArchitectureTable
from search_spaces.architecture import Task
from search_spaces.registry import architecture
from search_spaces.space import Point
from tests.benchmarks.search.made_up import table_of

NUM_EPOCHS = 4
TASK = Task(in_channels=1, num_classes=10, image_size=8)


def objectives(*names: str) -> tuple[Objective, ...]:
    return tuple(Objective(name=name, direction=DIRECTIONS[name]) for name in names)


TWO = objectives(ACCURACY, NUM_PARAMETERS)
THREE = objectives(ACCURACY, NUM_PARAMETERS, LATENCY_MS)


NETWORKS = [
    architecture(Point(family="densenet", values={"growth_rate": growth_rate, "block_config": blocks}), TASK)
    for growth_rate, blocks in itertools.product((2, 4, 6, 8), ((1,), (2,), (1, 1), (2, 2), (3, 1)))
]


def made_up_table(seed: int) -> ArchitectureTable:
    return table_of(NETWORKS, seed=seed, num_epochs=NUM_EPOCHS)


SEEDS = st.integers(0, 10**6)
OBJECTIVES = st.sampled_from([TWO, THREE])


def shuffled_trace(table: ArchitectureTable, seed: int, *, num: int = 60) -> list[Completion]:
    """A search on one worker that draws with replacement and trains everything in full."""
    rng, time_s, trace = random.Random(seed), 0.0, []
    for _ in range(num):
        name, row = rng.choice(list(table.rows.items()))
        time_s += row.epoch_cost_s * NUM_EPOCHS
        trace.append(Completion(time_s=time_s, architecture_id=name))
    return trace


@given(SEEDS, OBJECTIVES)
def test_the_hypervolume_after_each_completion_is_that_of_everything_so_far(
    seed: int, chosen: tuple[Objective, ...]
) -> None:
    table = made_up_table(seed)
    scorer, trace = Scorer.of(table, chosen), shuffled_trace(table, seed, num=25)
    points = np.array([scorer.points[one.architecture_id] for one in trace])
    whole = [pareto.hypervolume(points[:end], [pareto.REFERENCE] * len(chosen)) for end in range(1, len(trace) + 1)]
    assert scorer.hypervolumes(trace).tolist() == pytest.approx(whole, abs=1e-12)


def test_the_hypervolume_is_the_share_of_random_points_that_are_dominated() -> None:
    scorer = Scorer.of(made_up_table(3), THREE)
    drawn = np.random.default_rng(0).uniform(0.0, pareto.REFERENCE, size=(100_000, 3))
    dominated = np.zeros(len(drawn), dtype=bool)
    for point in scorer.points.values():
        dominated |= (point <= drawn).all(axis=1)
    assert scorer.front_hypervolume == pytest.approx(dominated.mean() * pareto.REFERENCE**3, rel=0.01)


@given(SEEDS, OBJECTIVES)
def test_points_fill_the_unit_cube(seed: int, chosen: tuple[Objective, ...]) -> None:
    points = np.array(list(Scorer.of(made_up_table(seed), chosen).points.values()))
    assert points.min(axis=0).tolist() == [0.0] * len(chosen)
    assert points.max(axis=0).tolist() == [1.0] * len(chosen)


@given(SEEDS, OBJECTIVES)
def test_the_oracle_trains_exactly_the_front_and_reaches_all_of_its_hypervolume(
    seed: int, chosen: tuple[Objective, ...]
) -> None:
    scorer = Scorer.of(made_up_table(seed), chosen)
    oracle = scorer.oracle()
    points = np.array(list(scorer.points.values()))
    front = {name for name, is_front in zip(scorer.points, pareto.non_dominated(points), strict=True) if is_front}
    assert {one.architecture_id for one in oracle} == front
    assert len(oracle) == len(front)
    assert scorer.hypervolumes(oracle)[-1] == pytest.approx(scorer.front_hypervolume)
    assert oracle[-1].time_s == pytest.approx(sum(scorer.cost_s[name] for name in front))
    assert scorer.cost_to(oracle, 1.0, 1) == oracle[-1].time_s


@given(SEEDS, OBJECTIVES)
def test_the_oracle_gains_most_for_the_cost_first(seed: int, chosen: tuple[Objective, ...]) -> None:
    scorer = Scorer.of(made_up_table(seed), chosen)
    gains = np.diff(scorer.hypervolumes(scorer.oracle()), prepend=0.0)
    costs = np.diff([one.time_s for one in scorer.oracle()], prepend=0.0)
    rates = gains / costs
    assert (np.diff(rates) <= 1e-9).all()


@given(SEEDS, SEEDS, OBJECTIVES)
def test_no_search_gets_more_than_the_oracle_or_all_of_it_for_less(
    seed: int, other: int, chosen: tuple[Objective, ...]
) -> None:
    table = made_up_table(seed)
    scorer, trace = Scorer.of(table, chosen), shuffled_trace(table, other, num=200)
    assert scorer.hypervolumes(trace).max() <= scorer.front_hypervolume * (1 + 1e-9)
    assert scorer.cost_to(trace, 1.0, 1) >= scorer.cost_to(scorer.oracle(), 1.0, 1) * (1 - 1e-9)


@given(SEEDS, st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5))
def test_a_larger_share_never_costs_less(seed: int, shares: list[float]) -> None:
    table = made_up_table(seed)
    scorer, trace = Scorer.of(table, THREE), shuffled_trace(table, seed)
    costs = [scorer.cost_to(trace, share, 1) for share in sorted(shares)]
    assert costs == sorted(costs)


def test_workers_multiply_the_time() -> None:
    table = made_up_table(0)
    scorer, trace = Scorer.of(table, TWO), shuffled_trace(table, 0)
    assert scorer.cost_to(trace, 0.8, 4) == pytest.approx(4 * scorer.cost_to(trace, 0.8, 1))


def test_a_share_that_is_never_reached_costs_infinitely_much() -> None:
    table = made_up_table(0)
    scorer = Scorer.of(table, TWO)
    worst = max(scorer.points, key=lambda name: float(scorer.points[name].sum()))
    assert scorer.cost_to([Completion(time_s=1.0, architecture_id=worst)], 0.99, 1) == math.inf
    assert scorer.cost_to([], 0.5, 1) == math.inf


def with_accuracy(table: ArchitectureTable, name: str, accuracy_SE: list[list[float]]) -> ArchitectureTable:
    changed = dataclasses.replace(table.rows[name], accuracy_SE=np.array(accuracy_SE))
    return ArchitectureTable(rows={**table.rows, name: changed})


def test_accuracy_is_the_mean_over_the_seeds_of_the_last_epoch() -> None:
    table = made_up_table(1)
    one, other = list(table.rows)[:2]
    table = with_accuracy(table, one, [[1.0, 1.0, 1.0, 0.2], [0.0, 0.0, 0.0, 0.4], [0.5, 0.5, 0.5, 0.6]])
    table = with_accuracy(table, other, [[0.4] * 4] * 3)
    scorer = Scorer.of(table, TWO)
    assert scorer.points[one][0] == pytest.approx(scorer.points[other][0])


def test_a_training_that_diverged_does_not_count_and_a_network_that_never_converged_adds_nothing() -> None:
    table = made_up_table(1)
    sometimes, never = list(table.rows)[:2]
    table = with_accuracy(table, sometimes, [[0.1, 0.2, 0.3, 0.9], [0.1, math.nan, math.nan, math.nan], [0.9] * 4])
    table = with_accuracy(table, never, [[math.nan] * 4] * 3)
    scorer = Scorer.of(table, THREE)
    assert np.isfinite(scorer.points[sometimes]).all()
    assert scorer.hypervolumes([Completion(time_s=1.0, architecture_id=never)]).tolist() == [0.0]
    assert never not in {one.architecture_id for one in scorer.oracle()}


def test_of_networks_with_equal_points_the_oracle_trains_the_cheapest() -> None:
    table = made_up_table(2)
    scorer = Scorer.of(table, THREE)
    first = scorer.oracle()[0].architecture_id
    twin = Scorer(
        points={**scorer.points, "twin": scorer.points[first]},
        cost_s={**scorer.cost_s, "twin": scorer.cost_s[first] / 2},
        front_hypervolume=scorer.front_hypervolume,
    )
    trained = [one.architecture_id for one in twin.oracle()]
    assert "twin" in trained
    assert first not in trained
    assert len(trained) == len(scorer.oracle())


@given(SEEDS, OBJECTIVES)
def test_a_network_that_breaks_a_limit_counts_as_if_the_table_lacked_it(
    seed: int, chosen: tuple[Objective, ...]
) -> None:
    table = made_up_table(seed)
    bound = float(np.median([row.architecture.num_parameters for row in table.rows.values()]))
    inside = {name: row for name, row in table.rows.items() if row.architecture.num_parameters <= bound}
    scorer = Scorer.of(table, chosen, constraints=[Constraint(name=NUM_PARAMETERS, bound=bound)])
    alone = Scorer.of(ArchitectureTable(rows=inside), chosen)
    assert scorer.oracle() == alone.oracle()
    assert scorer.front_hypervolume == alone.front_hypervolume
    outside = [Completion(time_s=1.0, architecture_id=name) for name in table.rows.keys() - inside.keys()]
    assert scorer.hypervolumes(outside).tolist() == [0.0] * len(outside)


def test_limits_that_no_network_of_the_table_keeps_end_with_exit_code_3() -> None:
    with pytest.raises(NothingFeasibleError, match="none of the table's 20 networks has accuracy at least 1"):
        Scorer.of(made_up_table(0), TWO, constraints=[Constraint(name=ACCURACY, bound=1.0)])


def test_memory_is_that_of_the_batch_that_the_study_measures() -> None:
    chosen, table = objectives(ACCURACY, PEAK_MEMORY_BYTES), made_up_table(0)
    one, many = (
        Scorer.of(table, chosen, image_size=8, latency=LatencySettings(batch_size=size)).front_hypervolume
        for size in (1, 256)
    )
    assert one != many


def test_macs_need_the_image_size_that_they_are_counted_at() -> None:
    chosen = objectives(ACCURACY, MACS)
    with pytest.raises(ValueError, match="image size"):
        Scorer.of(made_up_table(0), chosen)
    larger, smaller = (Scorer.of(made_up_table(0), chosen, image_size=side) for side in (16, 8))
    assert larger.front_hypervolume != smaller.front_hypervolume
