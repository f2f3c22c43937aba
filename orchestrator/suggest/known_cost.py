"""The sampler ``known-cost``: models accuracy alone, and takes what is known of a network before training as known.

A suggestion is a function of the study's seed, the trial's number and the trials before it. Whether that history came
trial by trial or all at once makes no difference.

Legend: M candidates that are judged, P scales of the surrogate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from orchestrator.config.seeds import derive_seed
from orchestrator.suggest import acquisition
from orchestrator.suggest.belief import Belief, prior_networks
from orchestrator.suggest.distributions import distributions, from_params, to_params
from orchestrator.suggest.history import History, Observation
from orchestrator.suggest.kernel import Rows
from orchestrator.suggest.pool import CandidatePool
from orchestrator.suggest.stored import PriorResult
from orchestrator.suggest.threads import one_blas_thread
from search_spaces.space import SearchSpace

EPOCH_S = "epoch_s"
"""User attribute of a trial: seconds that one of its epochs took."""

PREDICTED_ACCURACY = "predicted_accuracy"
"""User attribute of a trial that was stopped: what the scheduler predicted it to end with."""

MAX_JUDGED = 1_500
"""Candidates that one suggestion looks at: another draw each time where the pool holds more.

Beside more than ``_MANY_PENDING`` trials they are fewer in proportion: as many suggestions look at the pool together,
and each must not take longer for it."""

SPREAD_PER_FAMILY = 2
"""Suggestions that are spread over the sizes of each family before anything is modelled.

A family that was seen in its smallest networks alone would be taken for a bad one."""

MIN_OBSERVED = 3
"""Observations without which nothing is modelled."""

_SPREAD_QUANTILES = (0.02, 0.5)
_NUM_ALIKE = 6
_MANY_PENDING = 128


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
        others, other_error_N = prior_networks(pool, priors)
        self._networks = pool.networks.joined(others)
        self._num_priors = len(others)
        self._belief = Belief(range(len(pool), len(self._networks)), other_error_N)
        self._row_of = {_key(to_params(point, space)): row for row, point in enumerate(pool.points)}
        self._is_left = np.ones(len(pool), dtype=bool)
        self._num_spread = SPREAD_PER_FAMILY * len(space.families)
        self._history = History()
        self._open: dict[int, int] = {}  # rows of the pending trials, in the order of their numbers
        self._ended: list[int] = []  # trials whose ends are to be learnt from
        self._num_seen = 0
        self.reason: Mapping[str, Any] = {}

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether every candidate was suggested; ``ask`` is not to be called then."""
        self._take_in(study.get_trials(deepcopy=False))
        return not self._is_left.any()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All parameters of one family."""
        trials = study.get_trials(deepcopy=False)[: trial.number]
        self._take_in(trials)
        self._learn_from(trials)
        left = np.flatnonzero(self._is_left)
        assert len(left), "every candidate was suggested"
        num_known = len(self._history) + self._num_priors
        is_early = num_known < MIN_OBSERVED or (trial.number < self._num_spread and not self._num_priors)
        with one_blas_thread():
            chosen = self._chosen(trial.number, left, is_early=is_early)
        return to_params(self._pool.points[chosen], self._space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise AssertionError(f"{param_name} belongs to no point of the space")

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Optuna calls it when a trial ends, so that a thousand pending ones need not be looked through."""
        if trial.number in self._open:
            self._ended.append(trial.number)

    def _take_in(self, trials: Sequence[FrozenTrial]) -> None:
        """What was suggested since the last time is pending, and nobody gets it again."""
        self._describe(trial.params for trial in trials[self._num_seen :])
        for trial in trials[self._num_seen :]:
            self._open[trial.number] = row = self._row_of[_key(trial.params)]
            if row < len(self._pool):
                self._is_left[row] = False
            if trial.state.is_finished():
                self._ended.append(trial.number)
        self._num_seen = max(self._num_seen, len(trials))

    def _learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Of the pending trials that have ended."""
        for number in self._ended:
            observation = self._observation(trials[number], self._open.pop(number))
            if observation is not None:
                self._history.add(observation)
        self._ended.clear()

    def _describe(self, drawn: Iterable[Mapping[str, Any]]) -> None:
        """Gives rows to networks that the pool lacks, drawn by somebody else."""
        strange = {key: params for params in drawn if (key := _key(params)) not in self._row_of}
        if strange:
            self._row_of |= {key: len(self._networks) + place for place, key in enumerate(strange)}
            points = [from_params(params, self._space) for params in strange.values()]
            self._networks = self._networks.joined(self._pool.describe(points))

    def _observation(self, trial: FrozenTrial, row: int) -> Observation | None:
        if trial.state is TrialState.COMPLETE:
            accuracy = trial.values[self._accuracy_index]
        elif PREDICTED_ACCURACY in trial.user_attrs:
            accuracy = trial.user_attrs[PREDICTED_ACCURACY]
        else:
            return None
        return Observation(
            trial=trial.number,
            row=row,
            error=1.0 - min(1.0, max(0.0, accuracy)),
            epoch_s=trial.user_attrs.get(EPOCH_S),
            objectives=tuple(self._networks.objectives_ND[row].tolist()),
        )

    def _chosen(self, number: int, left: Rows, *, is_early: bool) -> int:
        preset = next((row for row in self._pool.presets if self._is_left[row]), None)
        if preset is not None:
            self.reason = {"how": "preset", "name": self._pool.presets[preset], "num_candidates": len(left)}
            return preset
        return self._spread(number, left) if is_early else self._best(number, left)

    def _spread(self, number: int, left: Rows) -> int:
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

    def _best(self, number: int, left: Rows) -> int:
        judged = self._judged(number, left)
        timed = [one for one in self._history.modelled() if one.epoch_s is not None]
        seconds_M = acquisition.predicted_seconds(
            self._networks[judged],
            self._networks[_rows(one.row for one in timed)],
            np.array([one.epoch_s for one in timed], dtype=float),
        )
        surrogate, error_N = self._belief.given(self._history, self._networks)
        worth = acquisition.judge(
            self._networks,
            surrogate,
            judged,
            error_N=error_N,
            pending=_rows(self._open.values()),
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

    def _judged(self, number: int, left: Rows) -> Rows:
        count = MAX_JUDGED * _MANY_PENDING // max(_MANY_PENDING, len(self._open))
        if len(left) <= count:
            return left
        rng = np.random.default_rng(derive_seed(self._seed, "judged", number))
        drawn: Rows = np.sort(rng.choice(left, count, replace=False))
        return drawn


def _key(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _rows(rows: Iterable[int]) -> Rows:
    return np.fromiter(rows, dtype=np.intp)


def _van_der_corput(number: int) -> float:
    """The binary sequence 1/2, 1/4, 3/4, 1/8, ...: each new number falls into the widest gap."""
    value, unit = 0.0, 0.5
    while number:
        value += unit * (number & 1)
        number >>= 1
        unit /= 2
    return value
