from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import pareto
from orchestrator.suggest.improvement import expected_hypervolume_improvement, normal, shifted_lognormal

seeds = st.integers(0, 2**31)


@given(seed=seeds, num_costs=st.integers(1, 3), num_front=st.integers(0, 12))
def test_a_certain_error_gives_the_hypervolume_improvement(seed: int, num_costs: int, num_front: int) -> None:
    rng = np.random.default_rng(seed)
    front = rng.uniform(0, 1.2, (num_front, 1 + num_costs))
    candidates = rng.uniform(0, 1.2, (6, 1 + num_costs))
    reference = np.full(1 + num_costs, 1.1)
    certain = normal(candidates[:, 0], np.full(6, 1e-9))
    found = expected_hypervolume_improvement(certain, candidates[:, 1:], front, reference=reference)
    before = pareto.hypervolume(front, reference)
    gains = [pareto.hypervolume(np.vstack([front, row]), reference) - before for row in candidates]
    np.testing.assert_allclose(found, gains, atol=1e-7)


def test_a_front_of_more_boxes_than_are_looked_at_together_counts_whole() -> None:
    rng = np.random.default_rng(9)
    costs = np.linspace(0.0, 1.0, 400)
    front = np.column_stack([1.0 - costs, costs, rng.permutation(costs)])
    candidates, reference = rng.uniform(0, 1, (5, 3)), np.full(3, 1.1)
    certain = normal(candidates[:, 0], np.full(5, 1e-9))
    before = pareto.hypervolume(front, reference)
    gains = [pareto.hypervolume(np.vstack([front, row]), reference) - before for row in candidates]
    found = expected_hypervolume_improvement(certain, candidates[:, 1:], front, reference=reference)
    np.testing.assert_allclose(found, gains, atol=1e-7)


@pytest.mark.parametrize("num_costs", [1, 2])
def test_the_expectation_is_the_mean_over_all_errors(num_costs: int) -> None:
    rng = np.random.default_rng(3)
    front = rng.uniform(0.1, 0.9, (7, 1 + num_costs))
    costs = rng.uniform(0.1, 0.9, (4, num_costs))
    mean, std = rng.uniform(0.2, 0.8, 4), rng.uniform(0.05, 0.3, 4)
    reference = np.full(1 + num_costs, 1.1)
    found = expected_hypervolume_improvement(normal(mean, std), costs, front, reference=reference)
    before = pareto.hypervolume(front, reference)
    nodes = np.linspace(-6, 6, 401)
    weights = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()
    for index in range(4):
        errors = mean[index] + std[index] * nodes
        volumes = [pareto.hypervolume(np.vstack([front, [error, *costs[index]]]), reference) for error in errors]
        assert found[index] == pytest.approx(weights @ (np.array(volumes) - before), rel=1e-3, abs=1e-7)


def test_the_put_price_is_that_of_many_draws() -> None:
    rng = np.random.default_rng(5)
    mean, std, shift = np.array([-2.0, -3.5]), np.array([0.4, 0.8]), 0.01
    draws = np.exp(rng.normal(mean, std, (50_000, 2))) - shift
    for level in (0.02, 0.1, 0.3):
        expected = np.maximum(level - draws, 0.0).mean(axis=0)
        found = shifted_lognormal(mean, std, shift=shift)(np.array([level, level]), np.array([0, 1]))
        np.testing.assert_allclose(found, expected, rtol=0.05, atol=1e-4)
    nothing = shifted_lognormal(mean, std, shift=shift)(np.array([-0.01, -0.01]), np.array([0, 1]))
    assert nothing.tolist() == [0.0, 0.0]


def test_a_dominated_candidate_can_gain_only_by_its_uncertainty() -> None:
    front = np.array([[0.2, 0.2]])
    costs = np.array([[0.5], [0.5]])
    gains = expected_hypervolume_improvement(
        normal(np.array([0.4, 0.4]), np.array([1e-6, 0.2])), costs, front, reference=np.array([1.1, 1.1])
    )
    assert gains[0] == pytest.approx(0.0, abs=1e-9)
    assert gains[1] > 1e-3
