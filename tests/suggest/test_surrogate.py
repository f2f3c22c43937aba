from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from orchestrator.suggest.kernel import Features, Kernel
from orchestrator.suggest.surrogate import Surrogate, _Gram, _negative_log_posterior, fit_scales, prior_scales


def features(count: int, *, seed: int = 0, source: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    return Features(
        family_N=rng.integers(0, 3, count),
        costs_NC=rng.random((count, 4)),
        axes_NA=rng.random((count, 6)),
        source_N=np.full(count, source),
    )


def values(given: Features) -> np.ndarray:
    return 1.0 - 2.0 * given.costs_NC[:, 0] + 0.3 * np.sin(5 * given.axes_NA[:, 1]) + 0.2 * given.family_N


def predicted(
    trained: Features, values_N: np.ndarray, others: Features, *, scales: np.ndarray, beside: Features | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of others, given the values of some, and with some more as if they had ended as predicted."""
    more = features(0) if beside is None else beside
    rows = np.arange(len(trained) + len(others) + len(more))
    kernel = Kernel(trained.joined(others).joined(more), scales)
    surrogate = Surrogate.conditioned(kernel, rows[: len(trained)], values_N)
    asked, pending = np.split(rows[len(trained) :], [len(others)])
    return surrogate.mean_N[asked], surrogate.std(asked, beside=pending)


def test_the_gradient_is_that_of_the_loss() -> None:
    given = features(12)
    gram = _Gram.of(given)
    targets = values(given) - values(given).mean()
    for scales in (prior_scales(), prior_scales() + np.array([0.3, -0.4, 0.2, 0.5, -0.3, -0.5])):
        error = check_grad(
            lambda scales: _negative_log_posterior(scales, gram, targets)[0],
            lambda scales: _negative_log_posterior(scales, gram, targets)[1],
            scales,
        )
        assert error < 1e-4


def test_what_was_observed_is_predicted_and_its_neighbourhood_is_less_uncertain() -> None:
    given, others = features(40), features(200, seed=1)
    scales = fit_scales(given, values(given))
    mean, std = predicted(given, values(given), given, scales=scales)
    assert np.abs(mean - values(given)).mean() < 0.1 * values(given).std()
    mean, std_others = predicted(given, values(given), others, scales=scales)
    assert std.mean() < std_others.mean()
    assert np.corrcoef(mean, values(others))[0, 1] > 0.95


def test_the_deviation_says_how_far_off_predictions_are() -> None:
    given, others = features(30), features(400, seed=2)
    mean, std = predicted(given, values(given), others, scales=fit_scales(given, values(given)))
    assert np.mean(np.abs(mean - values(others)) < 2 * std) > 0.85


def test_scales_do_not_depend_on_what_was_fitted_before() -> None:
    given = features(20)
    first = fit_scales(given, values(given))
    fit_scales(features(25, seed=9), values(features(25, seed=9)))
    np.testing.assert_array_equal(first, fit_scales(given, values(given)))


def test_pending_networks_lower_the_deviation_as_if_they_had_ended_as_predicted() -> None:
    given, more, others = features(15), features(3, seed=4), features(50, seed=5)
    _, std = predicted(given, values(given), others, scales=prior_scales())
    _, std_beside = predicted(given, values(given), others, scales=prior_scales(), beside=more)
    believed, _ = predicted(given, values(given), more, scales=prior_scales())
    # In the unit of the values that were given, which those as predicted would make smaller.
    both = np.concatenate([values(given), believed])
    _, std_after = predicted(given.joined(more), both, others, scales=prior_scales())
    np.testing.assert_allclose(std_beside, std_after / both.std() * values(given).std(), rtol=1e-6)
    assert (std_beside <= std + 1e-9).all()
    assert (std_beside < std - 1e-6).any()


def test_another_study_informs_up_to_a_constant() -> None:
    ours, theirs, others = features(2), features(60, seed=6, source=1), features(100, seed=7)
    alone, _ = predicted(ours, values(ours), others, scales=prior_scales())
    predictions = [
        predicted(
            ours.joined(theirs),
            np.concatenate([values(ours), values(theirs) + shift]),
            others,
            scales=prior_scales(),
        )[0]
        for shift in (0.0, 0.5)
    ]
    for both in predictions:
        assert np.corrcoef(both, values(others))[0, 1] > 0.9 > np.corrcoef(alone, values(others))[0, 1]
    assert np.corrcoef(*predictions)[0, 1] > 0.98


@pytest.mark.parametrize("count", [1, 2])
def test_equal_or_single_values_are_no_obstacle(count: int) -> None:
    mean, std = predicted(features(count), np.full(count, 0.5), features(5, seed=1), scales=prior_scales())
    assert np.isfinite(mean).all()
    assert (std > 0).all()
