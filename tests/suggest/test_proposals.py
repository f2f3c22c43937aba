from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records import TrialState
from orchestrator.store.messages import MessageKind
from orchestrator.suggest.wiring import proposals_of
from search_spaces import registry
from tests.simulation import PREDICTIONS, STUDY, Simulation, config_of, predict_latency_ms


def test_no_architecture_is_trained_twice(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, "budget.trials=60"))
    simulation.run()
    ids = [record.architecture_id for record in simulation.store.records.values()]
    assert len(ids) == len(set(ids)) == 60
    assert [record.number for record in simulation.store.records.values()] == list(range(60))


def test_refused_asks_cost_no_trial_and_keep_their_reason(tmp_path: Path) -> None:
    limits = ['constraints.num_parameters="<= 20k"', 'constraints.latency_ms="<= 0.6 ms"']
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, "study.sampler=tpe", *limits))
    simulation.run()
    assert len(simulation.store.records) == 30
    assert all(record.num_parameters <= 20_000 for record in simulation.store.records.values())
    assert all(record.predicted_latency_ms <= 0.6 for record in simulation.store.records.values())
    refused = [ask for ask in simulation.store.asks if ask.refusal == "infeasible"]
    assert refused
    assert all(max(ask.violations.values()) > 0 for ask in refused)


def test_known_cost_asks_for_nothing_that_breaks_a_limit(tmp_path: Path) -> None:
    limits = ['constraints.num_parameters="<= 20k"', 'constraints.latency_ms="<= 0.6 ms"']
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, *limits))
    simulation.run()
    assert len(simulation.store.records) == len(simulation.store.asks) == 30
    assert all(record.num_parameters <= 20_000 for record in simulation.store.records.values())
    assert all(record.predicted_latency_ms <= 0.6 for record in simulation.store.records.values())


def test_the_costs_of_a_trial_are_those_of_its_network(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path))
    for _ in range(10):
        attempt = simulation.proposals.next()
        assert attempt is not None
        record = simulation.store.records[attempt.trial]
        network = registry.architecture_from_dict(record.architecture)
        assert record.num_parameters == network.num_parameters
        assert record.macs == network.macs(8)
        assert record.predicted_latency_ms == predict_latency_ms(network)


def test_a_study_ends_when_its_space_is_exhausted(tmp_path: Path) -> None:
    text = (
        STUDY.split("[space.densenet]")[0]
        + """
[space.densenet]
growth_rate = [4, 8]
block_config = [[1, 1], [2, 2], [3, 2]]
[recipe]
epochs = 8
[budget]
trials = 50
"""
    )
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, text))
    simulation.run()
    assert len(simulation.store.records) == 6
    assert simulation.proposals.is_exhausted


def test_a_finished_study_is_extended_by_asking_for_more(tmp_path: Path) -> None:
    first = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, "budget.trials=10"))
    first.run()
    before = dict(first.store.records)
    first.store.close()
    longer = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, "budget.trials=20"))
    longer.run()
    assert len(longer.store.records) == 20
    assert {number: longer.store.records[number] for number in before} == before


@pytest.mark.parametrize("kill_after", [1, 5, 11, 17, 26])
def test_a_resumed_study_suggests_what_the_undisturbed_one_does(tmp_path: Path, kill_after: int) -> None:
    config = config_of(tmp_path)
    whole = Simulation(tmp_path / "whole", config)
    whole.run(num_slots=1)
    cut = Simulation(tmp_path / "cut", config)
    cut.run(num_slots=1, until=lambda: len(cut.store.records) == kill_after)
    cut.store.close()
    resumed = Simulation(tmp_path / "cut", config)
    resumed.run(num_slots=1)
    expected = {number: record.architecture_id for number, record in whole.store.records.items()}
    assert {number: record.architecture_id for number, record in resumed.store.records.items()} == expected


@pytest.mark.parametrize(
    ("sampler", "num_trials"),
    [
        *((sampler, count) for sampler in ("known-cost", "tpe", "nsga2", "random") for count in (0, 1, 20, 150)),
        ("gp", 0),
        ("gp", 12),
    ],
)
def test_a_rebuilt_history_suggests_what_the_kept_one_does(tmp_path: Path, sampler: str, num_trials: int) -> None:
    config = config_of(tmp_path, STUDY, f"study.sampler={sampler}", "budget.trials=200")
    kept = Simulation(tmp_path / "study", config)
    kept.run(num_slots=3, until=lambda: len(kept.store.records) >= num_trials)
    rebuilt = proposals_of(kept.store, config, predictions=PREDICTIONS)
    number = len(kept.store.asks)
    suggestions = []
    for proposals in (kept.proposals, rebuilt):
        proposals._sampler.observe(kept.store.asks, kept.store.record_of_ask, running=kept.store.running_asks)
        suggestions.append(proposals._sampler.ask(number))
    assert suggestions[0] == suggestions[1]


def test_waiting_trials_keep_the_search_open_until_they_end(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, "budget.trials=1"))
    attempt = simulation.proposals.next()
    assert attempt is not None
    assert simulation.proposals.next() is None
    assert simulation.proposals.may_come
    simulation.receive(attempt, MessageKind.LOST, detail="killed")
    again = simulation.proposals.next()
    assert again is not None
    while simulation.advance(again):
        pass
    assert simulation.store.records[0].state is TrialState.COMPLETED
    assert not simulation.proposals.may_come


def test_a_limit_that_no_network_meets_exhausts_the_search_at_once(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "study", config_of(tmp_path, STUDY, 'constraints.latency_ms="<= 1 us"'))
    assert simulation.proposals.next() is None
    assert simulation.proposals.is_exhausted
    assert not simulation.proposals.may_come
