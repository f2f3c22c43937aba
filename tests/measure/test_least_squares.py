"""Against scipy, which is the oracle here."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from orchestrator.measure.least_squares import non_negative_least_squares


@given(
    seed=st.integers(0, 10_000),
    num_rows=st.integers(1, 20),
    num_features=st.integers(1, 17),
    share_of_zeros=st.sampled_from([0.0, 0.6]),
)
def test_it_fits_as_well_as_scipy(seed: int, num_rows: int, num_features: int, share_of_zeros: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.uniform(0.0, 1.0, (num_rows, num_features))
    rows[rng.random(rows.shape) < share_of_zeros] = 0.0
    values = rows @ rng.uniform(-0.5, 1.0, num_features) + rng.normal(0.0, 0.1, num_rows)
    x = non_negative_least_squares(rows, values)
    assert (x >= 0.0).all()
    assert np.linalg.norm(rows @ x - values) <= nnls(rows, values)[1] + 1e-6


def test_a_column_of_zeros_gets_no_coefficient() -> None:
    x = non_negative_least_squares(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([3.0, 6.0]))
    np.testing.assert_allclose(x, [3.0, 0.0])
