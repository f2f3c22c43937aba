"""The event loop, the peers on it, and the figures that come out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from orchestrator import pareto
from orchestrator.config.settings import SearchConfig
from orchestrator.simulate.score import Scorer, Trace
from orchestrator.simulate.table import ArchitectureTable
from search_spaces.registry import architecture
from search_spaces.space import Point
from tests.benchmarks.search.case import OBJECTIVES, Case
from tests.benchmarks.search.figures import rows
from tests.benchmarks.search.made_up import made_up_config, made_up_table
from tests.benchmarks.search.methods import METHODS, OURS
from tests.benchmarks.search.moasha import priority_as_released, priority_mended
from tests.benchmarks.search.outcome import Ledger, Outcome, measured
from tests.benchmarks.search.peer import Peer, Stop, run_peer
from tests.benchmarks.search.random_peers import RandomPeer, RungPeer


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> SearchConfig:
    return dataclasses.replace(made_up_config(tmp_path_factory.mktemp("made-up")), objectives=OBJECTIVES[3])


@pytest.fixture(scope="module")
def table(config: SearchConfig) -> ArchitectureTable:
    return made_up_table(config, seed=4)


@pytest.fixture(scope="module")
def scorer(table: ArchitectureTable, config: SearchConfig) -> Scorer:
    return Scorer.of(table, config.objectives)


class ListedPeer(Peer):
    """Asks for given points in turn, and notes what it is told and when it is asked."""

    def __init__(self, points: Sequence[Point], *, stop_at: int | None = None) -> None:
        self.points = points
        self.stop_at = stop_at
        self.notes: list[tuple[str, int]] = []
        self.told: dict[int, Sequence[float] | None] = {}

    def ask(self, number: int) -> Point:
        self.notes.append(("ask", number))
        return self.points[number % len(self.points)]

    def goes_on(self, number: int, epoch: int, values: Sequence[float]) -> bool:
        return epoch != self.stop_at

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        self.notes.append(("tell", number))
        self.told[number] = values


def run(
    peer: Peer, table: ArchitectureTable, config: SearchConfig, *, num_workers: int = 1, max_tables: float = 2.0
) -> Trace:
    """To the limit: scored by a table of its own that no search can finish."""
    scorer = dataclasses.replace(Scorer.of(table, config.objectives), front_hypervolume=math.inf)
    stop = Stop(scorer, num_workers=num_workers, max_tables=max_tables)
    return run_peer(peer, table, config, seed=0, num_workers=num_workers, stop=stop)


def cost_s(table: ArchitectureTable, architecture_id: str) -> float:
    return table.rows[architecture_id].epoch_cost_s * table.num_epochs


def test_one_worker_trains_one_network_after_the_other(table: ArchitectureTable, config: SearchConfig) -> None:
    peer = ListedPeer(list(config.space.points()))
    trace = run(peer, table, config)
    assert np.diff([one.time_s for one in trace], prepend=0.0).tolist() == pytest.approx(
        [cost_s(table, one.architecture_id) for one in trace]
    )
    kinds = [kind for kind, _ in peer.notes]
    assert kinds == ["ask", "tell"] * (len(kinds) // 2) + ["ask"]


def test_a_search_is_told_the_last_epoch_of_its_own_seed(table: ArchitectureTable, config: SearchConfig) -> None:
    peer = ListedPeer(list(config.space.points()))
    stop = Stop(Scorer.of(table, config.objectives), num_workers=1)
    trace = run_peer(peer, table, config, seed=4, num_workers=1, stop=stop)
    for number, completion in enumerate(trace):
        told = peer.told[number]
        assert told is not None
        row = table.rows[completion.architecture_id]
        assert told[0] == 1.0 - row.accuracy_SE[4 % 3, -1]
        assert told[1:] == [math.log10(row.architecture.num_parameters), math.log10(row.latency_ms)]


@pytest.mark.parametrize("num_workers", [2, 4, 16])
def test_more_workers_take_less_time_and_never_less_cost(
    table: ArchitectureTable, config: SearchConfig, num_workers: int
) -> None:
    points = list(config.space.points())
    alone = run(ListedPeer(points), table, config)
    together = run(ListedPeer(points), table, config, num_workers=num_workers)
    by_then: dict[str, float] = {}
    for completion in together:
        by_then.setdefault(completion.architecture_id, completion.time_s)
    for completion in alone[: len(points)]:
        assert by_then[completion.architecture_id] <= completion.time_s * (1 + 1e-9)
    assert [one.time_s for one in together] == sorted(one.time_s for one in together)
    trained = sum(cost_s(table, one.architecture_id) for one in together)
    assert together[-1].time_s * num_workers >= trained * (1 - 1e-9)


def test_workers_that_are_free_ask_at_once_and_know_what_has_ended_only(
    table: ArchitectureTable, config: SearchConfig
) -> None:
    peer = ListedPeer(list(config.space.points()))
    run(peer, table, config, num_workers=4)
    assert peer.notes[:4] == [("ask", number) for number in range(4)]
    num_running = np.cumsum([1 if kind == "ask" else -1 for kind, _ in peer.notes])
    assert num_running[3:].min() == 3
    assert num_running.max() == 4


def test_a_network_that_is_asked_for_again_costs_its_full_price_again(
    table: ArchitectureTable, config: SearchConfig
) -> None:
    point = next(config.space.points())
    name = architecture(point, config.task).architecture_id
    trace = run(ListedPeer([point]), table, config, max_tables=0.5)
    assert [one.time_s for one in trace] == pytest.approx([cost_s(table, name) * (1 + i) for i in range(len(trace))])
    assert len(trace) == math.floor(0.5 * sum(cost_s(table, one) for one in table.rows) / cost_s(table, name))


def test_what_is_stopped_costs_the_epochs_it_had_and_is_no_completion(
    table: ArchitectureTable, config: SearchConfig
) -> None:
    peer = ListedPeer(list(config.space.points()), stop_at=2)
    assert run(peer, table, config, max_tables=0.5) == []
    whole = ListedPeer(list(config.space.points()))
    run(whole, table, config, max_tables=0.5)
    assert set(peer.told.values()) == {None}
    assert len(peer.told) >= 3 * len(whole.told)


def test_a_network_that_diverges_is_told_as_such_and_costs_no_further_epoch(
    table: ArchitectureTable, config: SearchConfig
) -> None:
    point = next(config.space.points())
    row = table.rows[architecture(point, config.task).architecture_id]
    curves = row.accuracy_SE.copy()
    curves[0, 3:] = math.nan
    broken = ArchitectureTable(
        rows={**table.rows, row.architecture.architecture_id: dataclasses.replace(row, accuracy_SE=curves)}
    )
    other = list(config.space.points())[1]
    peer = ListedPeer([point, other])
    trace = run(peer, broken, config, max_tables=0.5)
    assert peer.told[0] is None
    assert trace[0].time_s == pytest.approx(4 * row.epoch_cost_s + cost_s(table, trace[0].architecture_id))


def test_a_search_ends_at_the_share_and_no_later_than_at_the_limit(
    table: ArchitectureTable, config: SearchConfig, scorer: Scorer
) -> None:
    trace = run_peer(
        ListedPeer(list(config.space.points())),
        table,
        config,
        seed=0,
        num_workers=1,
        stop=Stop(scorer, num_workers=1),
    )
    assert scorer.hypervolumes(trace)[-1] >= scorer.target(0.99)
    assert (scorer.hypervolumes(trace)[:-1] < scorer.target(0.99)).all()
    assert run(RandomPeer(config, seed=0), table, config)[-1].time_s <= 2 * sum(scorer.cost_s.values())


class CountingRungPeer(RungPeer):
    num_stopped = 0

    def goes_on(self, number: int, epoch: int, values: Sequence[float]) -> bool:
        goes_on = super().goes_on(number, epoch, values)
        self.num_stopped += not goes_on
        return goes_on


def test_the_rung_rule_stops_trials_of_a_random_search(table: ArchitectureTable, config: SearchConfig) -> None:
    peer = CountingRungPeer(config, seed=1)
    trace = run(peer, table, config)
    assert peer.num_stopped > 0.2 * len(trace)


@pytest.fixture(params=[1, 4])
def case(request: pytest.FixtureRequest, table: ArchitectureTable, config: SearchConfig, scorer: Scorer) -> Case:
    return Case(
        name="made-up",
        fingerprint="0" * 12,
        table=table,
        config=config,
        scorer=scorer,
        num_workers=request.param,
        max_tables=0.8,
    )


QUICK = [name for name, method in METHODS.items() if name not in {"optuna GP", OURS} and method.is_installed]


def traced(case: Case, name: str, *, seed: int) -> Trace:
    stop = Stop(case.scorer, num_workers=case.num_workers, max_tables=case.max_tables)
    return METHODS[name].search(case.table, case.config, seed=seed, num_workers=case.num_workers, stop=stop)


@pytest.mark.parametrize("name", QUICK)
def test_every_peer_searches_and_gives_the_same_again(case: Case, name: str) -> None:
    first, again = (measured(case, name, seed=1) for _ in range(2))
    assert first.num_completed > 0
    assert dataclasses.replace(first, wall_time_s=0.0) == dataclasses.replace(again, wall_time_s=0.0)
    assert first.cost_s[0] <= first.cost_s[1] <= case.limit_s
    # On so few networks the search that knows costs finds the same ones first, whatever it begins with.
    assert name.startswith("archfront") or traced(case, name, seed=1) != traced(case, name, seed=2)


def test_a_ledger_runs_each_search_once(case: Case, tmp_path: Path) -> None:
    first = Ledger(tmp_path / "work", case, "random").outcomes(2)
    more = Ledger(tmp_path / "work", case, "random").outcomes(3)
    assert more[:2] == first  # with their wall times, which no second run would repeat
    assert [outcome.seed for outcome in more] == [0, 1, 2]
    changed = dataclasses.replace(case, fingerprint="1" * 12)
    assert Ledger(tmp_path / "work", changed, "random").outcomes(2) != first


def test_moasha_orders_trials_front_by_front() -> None:
    points = np.random.default_rng(0).integers(0, 5, size=(40, 3)).astype(float)
    priorities = priority_mended(points)
    assert sorted(priorities) == list(range(len(points)))
    ranks = pareto.ranks(points)[priorities.argsort()]
    assert ranks.tolist() == sorted(ranks.tolist())


def test_moasha_begins_a_front_with_the_best_accuracy_and_then_whoever_is_farthest() -> None:
    front = np.array([[0.4, 1.0], [0.1, 4.0], [0.3, 2.0], [0.1, 4.0]])
    dominated = np.array([[0.5, 5.0]])
    assert priority_mended(np.concatenate([dominated, front])).tolist() == [4, 1, 0, 2, 3]


# Recorded from NonDominatedPriority of syne-tune 0.16.0.
@pytest.mark.parametrize(
    ("moduli", "num_objectives", "expected"),
    [
        ((17, 13, 7), 2, [11, 0, 6, 13, 7, 8, 3, 10, 5, 2, 12, 9, 1, 4]),
        ((17, 13, 7), 3, [11, 0, 6, 13, 7, 5, 3, 10, 8, 9, 4, 2, 12, 1]),
        ((5, 4, 3), 2, [4, 1, 8, 6, 9, 11, 12, 2, 0, 3, 7, 13, 5, 10]),
        ((5, 4, 3), 3, [4, 6, 12, 9, 3, 11, 8, 0, 1, 2, 7, 5, 13, 10]),
    ],
    ids=["two", "three", "two, repeated", "three, repeated"],
)
def test_moasha_orders_trials_as_syne_tune_does(
    moduli: tuple[int, int, int], num_objectives: int, expected: list[int]
) -> None:
    points = np.array([[7 * i * i + 3, 5 * i + i**3, 11 * i] for i in range(14)], dtype=float) % moduli
    assert priority_as_released(points[:, :num_objectives]).tolist() == expected


def outcome(seed: int, *costs_s: float, is_reached: bool = True) -> Outcome:
    return Outcome(seed=seed, cost_s=costs_s, is_reached=(True, is_reached), num_completed=3, wall_time_s=1.0)


def test_figures_are_multiples_of_the_oracle_and_ratios_of_equal_seeds() -> None:
    found = rows(
        {
            OURS: [outcome(0, 20.0, 30.0), outcome(1, 40.0, 60.0)],
            "peer": [outcome(0, 40.0, 90.0), outcome(1, 80.0, 180.0, is_reached=False)],
        },
        (10.0, 15.0),
    )
    at_95, at_99 = [[row for row in found if row["share"] == share] for share in ("95%", "99%")]
    assert [row["cost / oracle"] for row in at_95] == [3.0, 6.0]
    assert [row[f"/ {OURS}"] for row in at_95] == [1.0, 2.0]
    assert [row[f"/ {OURS}"] for row in at_99] == [1.0, 3.0]
    assert [row["low"] for row in at_99] == [row["high"] for row in at_99] == [1.0, 3.0]
    assert [row["reached"] for row in at_99] == [1.0, 0.5]
    assert {row["n"] for row in found} == {2}


def test_without_ours_there_is_no_ratio() -> None:
    found = rows({"peer": [outcome(0, 40.0, 90.0)]}, (10.0, 15.0))
    assert {row[f"/ {OURS}"] for row in found} == {"-"}
