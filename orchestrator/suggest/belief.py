"""The surrogate of a study: which networks it is given, on which its scales are fitted, and when both are made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from orchestrator.suggest.acquisition import Networks, to_value
from orchestrator.suggest.history import History, Observation
from orchestrator.suggest.kernel import Kernel
from orchestrator.suggest.pool import CandidatePool
from orchestrator.suggest.stored import PriorResult
from orchestrator.suggest.surrogate import Surrogate, fit_scales, prior_scales

Array = NDArray[np.float64]

MAX_PRIORS = 64
"""Networks of other studies that a surrogate is conditioned on."""

# Scales are fitted anew when so many trials have ended, and on them alone.
_REFITS = (5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)


class Belief:
    """A function of the history and of the networks of other studies; kept from one suggestion to the next.

    Beside many pending trials most suggestions see a history whose modelled part is that of the one before.
    """

    def __init__(self, prior_rows: Sequence[int], prior_error_N: Array) -> None:
        self._prior_rows = list(prior_rows)
        self._prior_error_N = prior_error_N
        self._modelled: list[Observation] = []
        self._error_N = np.empty(0)
        self._basis: tuple[int, ...] = ()
        self._scales_P = prior_scales()
        self._surrogate: Surrogate | None = None

    def given(self, history: History, networks: Networks) -> tuple[Surrogate, Array]:
        """The surrogate, and the errors of the networks that it is given."""
        modelled, kernel = history.modelled(), self._kernel(history, networks)
        if self._surrogate is None or self._surrogate.kernel is not kernel or self._modelled != modelled:
            rows = np.array([one.row for one in modelled] + self._prior_rows, dtype=np.intp)
            self._error_N = np.concatenate([[one.error for one in modelled], self._prior_error_N])
            self._surrogate = Surrogate.conditioned(kernel, rows, to_value(self._error_N))
            self._modelled = modelled
        return self._surrogate, self._error_N

    def _kernel(self, history: History, networks: Networks) -> Kernel:
        """That of the last suggestion, which remembers, while neither scales nor networks are new."""
        is_fitted = self._fit(history, networks)
        if self._surrogate is None or is_fitted or len(self._surrogate.kernel) != len(networks):
            return Kernel(networks.features, self._scales_P)
        return self._surrogate.kernel

    def _fit(self, history: History, networks: Networks) -> bool:
        """On the first trials by number, so many as the last refit before this history had."""
        count = max((refit for refit in _REFITS if refit <= len(history)), default=0)
        basis = history.first(count)
        key = tuple(one.trial for one in basis)
        if key == self._basis:
            return False
        rows = np.array([one.row for one in basis], dtype=np.intp)
        self._basis = key
        self._scales_P = fit_scales(networks.features[rows], to_value(np.array([one.error for one in basis])))
        return True


def prior_networks(pool: CandidatePool, priors: Sequence[PriorResult]) -> tuple[Networks, Array]:
    """Networks of other studies, the most accurate and an even share of the others, and their errors."""
    ordered = sorted(priors, key=lambda prior: -prior.accuracy)
    kept, rest = ordered[: MAX_PRIORS // 2], ordered[MAX_PRIORS // 2 :]
    if rest:
        kept += [rest[index] for index in np.unique(np.linspace(0, len(rest) - 1, MAX_PRIORS // 2).astype(int))]
    networks = pool.describe([prior.point for prior in kept])
    source_N = np.array([prior.source for prior in kept], dtype=np.int64)
    features = replace(networks.features, source_N=source_N)
    return replace(networks, features=features), np.array([1.0 - prior.accuracy for prior in kept])
