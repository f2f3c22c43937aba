from __future__ import annotations

import numpy as np

from orchestrator.suggest.kernel import Features, Kernel, matern
from orchestrator.suggest.surrogate import prior_scales
from tests.suggest.test_surrogate import features

EVERYONE = np.arange(50)


def networks() -> Features:
    return features(30).joined(features(20, seed=1, source=2))


def test_covariances_are_those_of_every_pair() -> None:
    given, scales = networks(), prior_scales()
    trend, costs, axes = np.exp(2 * scales[:3])
    for row, column in ((0, 1), (3, 29), (7, 40), (31, 45), (12, 12), (49, 2)):
        expected = trend * (given.costs_NC[row] - 0.5) @ (given.costs_NC[column] - 0.5)
        expected += costs * matern(np.linalg.norm(given.costs_NC[row] - given.costs_NC[column]), scales[3])
        if given.family_N[row] == given.family_N[column]:
            expected += axes * matern(np.linalg.norm(given.axes_NA[row] - given.axes_NA[column]), scales[4])
        if given.source_N[row] == given.source_N[column] == 2:
            expected += 1.0
        found = Kernel(given, scales).between(np.array([row]), np.array([column]))
        np.testing.assert_allclose(found, [[expected]], rtol=1e-6)


def test_the_diagonal_is_that_of_all_covariances() -> None:
    kernel = Kernel(networks(), prior_scales())
    np.testing.assert_allclose(np.diag(kernel.between(EVERYONE, EVERYONE)), kernel.diagonal_N, rtol=1e-6)


def test_what_was_forgotten_comes_back_to_the_last_bit() -> None:
    kernel = Kernel(networks(), prior_scales())
    before = kernel.between(EVERYONE, EVERYONE)
    kernel.forget_but([4, 5])
    np.testing.assert_array_equal(kernel.between(EVERYONE[::-1], EVERYONE)[::-1], before)
    np.testing.assert_array_equal(Kernel(networks(), prior_scales()).between(EVERYONE[9:], EVERYONE), before[9:])


def test_weighted_sums_are_those_of_all_columns() -> None:
    kernel, rows = Kernel(networks(), prior_scales()), np.array([3, 8, 44])
    weights = np.array([0.5, -2.0, 1.0])
    np.testing.assert_allclose(kernel.weighted(rows, weights), weights @ kernel.between(rows, EVERYONE))
