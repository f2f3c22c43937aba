"""The sampler ``known-cost``: models accuracy alone, and takes what is known of a network before training as known.

A suggestion is a function of the study's seed, the trial's number and the trials before it. Whether that history came
trial by trial or all at once makes no difference.

Legend: M candidates that are judged, P scales of the surrogate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from orchestrator.config.seeds import derive_seed
from orchestrator.suggest import acquisition
from orchestrator.suggest.acquisition import Networks
from orchestrator.suggest.distributions import distributions, from_params, to_params
from orchestrator.suggest.history import History, Observation
from orchestrator.suggest.pool import CandidatePool
from orchestrator.suggest.stored import PriorResult
from orchestrator.suggest.surrogate import fit_scales, prior_scales
from orchestrator.suggest.threads import one_blas_thread
from search_spaces.space import SearchSpace

EPOCH_S = "epoch_s"
"""User attribute of a trial: seconds that one of its epochs took."""

PREDICTED_ACCURACY = "predicted_accuracy"
"""User attribute of a trial that was stopped: what the scheduler predicted it to end with."""

MAX_JUDGED = 1_500
"""Candidates that one suggestion looks at: another draw each time where the pool holds more."""

SPREAD_PER_FAMILY = 2
"""Suggestions that are spread over the sizes of each family before anything is modelled.

A family that was seen in its smallest networks alone would be taken for a bad one."""

MIN_OBSERVED = 3
"""Observations without which nothing is modelled."""

MAX_PRIORS = 64
"""Networks of other studies that a surrogate is conditioned on."""

_SPREAD_QUANTILES = (0.02, 0.5)
_NUM_ALIKE = 6

# Scales are fitted anew when so many trials have ended, and on them alone.
_REFITS = (5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)

_Rows = NDArray[np.intp]


class KnownCostSampler(BaseSampler):
    """Optuna's interface to ``acquisition``: each trial is one candidate of the pool that nobody had before."""

    def __init__(
        self,
        pool: CandidatePool,
        space: SearchSpace,
        *,
        accuracy_index: int,
        seed: int,
        min_accuracy: float | None = None,
        priors: Sequence[PriorResult] = (),
    ) -> None:
        self._pool = pool
        self._space = space
        self._accuracy_index = accuracy_index
        self._seed = seed
        self._max_error = math.inf if min_accuracy is None else 1.0 - min_accuracy
        self._distributions = distributions(space)
        self._networks = pool.networks
        self._row_of = {_key(to_params(point, space)): row for row, point in enumerate(pool.points)}
        self._is_left = np.ones(len(pool), dtype=bool)
        self._num_spread = SPREAD_PER_FAMILY * len(space.families)
        self._row_of_trial: dict[int, int] = {}
        self._history = History()
        self._open: set[int] = set()
        self._num_seen = 0
        self._priors, self._prior_error_N = _prior_networks(pool, priors)
        self._scales: tuple[tuple[int, ...], NDArray[np.float64]] = ((), prior_scales())
        self.reason: Mapping[str, Any] = {}

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether every candidate was suggested; ``ask`` is not to be called then."""
        self._update(study.get_trials(deepcopy=False))
        return not self._is_left.any()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All parameters of one family."""
        self._update(study.get_trials(deepcopy=False)[: trial.number])
        left = np.flatnonzero(self._is_left)
        assert len(left), "every candidate was suggested"
        num_known = len(self._history) + len(self._priors)
        is_early = num_known < MIN_OBSERVED or (trial.number < self._num_spread and not len(self._priors))
        with one_blas_thread():
            chosen = self._chosen(trial.number, left, is_early=is_early)
        return to_params(self._pool.points[chosen], self._space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise AssertionError(f"{param_name} belongs to no point of the space")

    def _update(self, trials: Sequence[FrozenTrial]) -> None:
        for trial in trials[self._num_seen :]:
            self._row_of_trial[trial.number] = row = self._row(trial.params)
            self._open.add(trial.number)
            if row < len(self._pool):
                self._is_left[row] = False
        self._num_seen = max(self._num_seen, len(trials))
        for number in [number for number in sorted(self._open) if trials[number].state.is_finished()]:
            self._open.remove(number)
            observation = self._observation(trials[number])
            if observation is not None:
                self._history.add(observation)

    def _row(self, params: Mapping[str, Any]) -> int:
        """The row of a trial's network; one that the pool lacks, drawn by somebody else, is described here."""
        key = _key(params)
        if key not in self._row_of:
            self._row_of[key] = len(self._networks)
            self._networks = self._networks.joined(self._pool.describe([from_params(params, self._space)]))
        return self._row_of[key]

    def _observation(self, trial: FrozenTrial) -> Observation | None:
        if trial.state is TrialState.COMPLETE:
            accuracy = trial.values[self._accuracy_index]
        elif PREDICTED_ACCURACY in trial.user_attrs:
            accuracy = trial.user_attrs[PREDICTED_ACCURACY]
        else:
            return None
        row = self._row_of_trial[trial.number]
        return Observation(
            trial=trial.number,
            row=row,
            error=1.0 - min(1.0, max(0.0, accuracy)),
            epoch_s=trial.user_attrs.get(EPOCH_S),
            objectives=tuple(self._networks.objectives_ND[row].tolist()),
        )

    def _pending(self) -> _Rows:
        return _rows(self._row_of_trial[number] for number in sorted(self._open))

    def _chosen(self, number: int, left: _Rows, *, is_early: bool) -> int:
        preset = next((row for row in self._pool.presets if self._is_left[row]), None)
        if preset is not None:
            self.reason = {"how": "preset", "name": self._pool.presets[preset], "num_candidates": len(left)}
            return preset
        return self._spread(number, left) if is_early else self._best(number, left)

    def _spread(self, number: int, left: _Rows) -> int:
        """Family by family the cheapest of those whose size is nearest to the next quantile of the family's sizes."""
        num_families = len(self._space.families)
        family_N = self._pool.networks.features.family_N
        of_family = left[family_N[left] == number % num_families]
        alike = of_family if len(of_family) else left
        low, high = _SPREAD_QUANTILES
        jitter = np.random.default_rng(derive_seed(self._seed, "spread", number)).uniform(-0.25, 0.25)
        place = low + (high - low) * (_van_der_corput(number // num_families + 1) + jitter)
        sizes_N = self._pool.size_N[family_N == family_N[alike[0]]]
        target = float(np.quantile(sizes_N, min(1.0, max(0.0, place))))
        alike = alike[np.argsort(np.abs(self._pool.size_N[alike] - target), kind="stable")[:_NUM_ALIKE]]
        seconds_M = acquisition.predicted_seconds(self._networks[alike], self._networks[_rows([])], np.empty(0))
        self.reason = {"how": "spread", "num_candidates": len(left)}
        return int(alike[seconds_M.argmin()])

    def _best(self, number: int, left: _Rows) -> int:
        judged = self._judged(number, left)
        modelled = self._history.modelled()
        timed = [one for one in modelled if one.epoch_s is not None]
        seconds_M = acquisition.predicted_seconds(
            self._networks[judged],
            self._networks[_rows(one.row for one in timed)],
            np.array([one.epoch_s for one in timed], dtype=float),
        )
        worth = acquisition.judge(
            self._networks[judged],
            self._networks[_rows(one.row for one in modelled)].joined(self._priors),
            np.concatenate([np.array([one.error for one in modelled]), self._prior_error_N]),
            self._networks[self._pending()],
            scales_P=self._fitted_scales(),
            seconds_M=seconds_M,
            max_error=self._max_error,
        )
        # Where none is thought to gain anything, as under a limit that nothing comes near, the most hopeful is taken.
        best = int(worth.rate_M.argmax() if worth.rate_M.any() else worth.error_low_M.argmin())
        self.reason = {
            "how": "gain",
            "gain": float(worth.gain_M[best]),
            "predicted_accuracy": 1.0 - float(worth.error_M[best]),
            "accuracy_low": 1.0 - float(worth.error_high_M[best]),
            "accuracy_high": 1.0 - float(worth.error_low_M[best]),
            "predicted_epoch_s": float(seconds_M[best]) if timed else None,
            "num_observed": len(self._history),
            "num_pending": len(self._open),
            "num_judged": len(judged),
            "num_candidates": len(left),
        }
        return int(judged[best])

    def _judged(self, number: int, left: _Rows) -> _Rows:
        if len(left) <= MAX_JUDGED:
            return left
        rng = np.random.default_rng(derive_seed(self._seed, "judged", number))
        drawn: _Rows = np.sort(rng.choice(left, MAX_JUDGED, replace=False))
        return drawn

    def _fitted_scales(self) -> NDArray[np.float64]:
        """Of the first trials by number, so many as the last refit before this history had."""
        count = max((refit for refit in _REFITS if refit <= len(self._history)), default=0)
        basis = self._history.first(count)
        key = tuple(one.trial for one in basis)
        if key and self._scales[0] != key:
            features = self._networks.features[_rows(one.row for one in basis)]
            values_N = acquisition.to_value(np.array([one.error for one in basis]))
            self._scales = (key, fit_scales(features, values_N))
        return self._scales[1]


def _prior_networks(pool: CandidatePool, priors: Sequence[PriorResult]) -> tuple[Networks, NDArray[np.float64]]:
    """Networks of other studies, the most accurate and an even share of the others, and their errors."""
    ordered = sorted(priors, key=lambda prior: -prior.accuracy)
    kept, rest = ordered[: MAX_PRIORS // 2], ordered[MAX_PRIORS // 2 :]
    if rest:
        kept += [rest[index] for index in np.unique(np.linspace(0, len(rest) - 1, MAX_PRIORS // 2).astype(int))]
    networks = pool.describe([prior.point for prior in kept])
    source_N = np.array([prior.source for prior in kept], dtype=np.int64)
    features = replace(networks.features, source_N=source_N)
    return replace(networks, features=features), np.array([1.0 - prior.accuracy for prior in kept])


def _key(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _rows(rows: Iterable[int]) -> _Rows:
    return np.fromiter(rows, dtype=np.intp)


def _van_der_corput(number: int) -> float:
    """The binary sequence 1/2, 1/4, 3/4, 1/8, ...: each new number falls into the widest gap."""
    value, unit = 0.0, 0.5
    while number:
        value += unit * (number & 1)
        number >>= 1
        unit /= 2
    return value
