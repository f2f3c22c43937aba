"""Optuna's samplers as they come, on the study's own space.

TPE models the conditional space, one joint model for each family. NSGA-II and the Gaussian process use only axes that
all trials share (their ``infer_relative_search_space`` is Optuna's intersection search space), which would leave them
the family alone: they are asked for the axes of every family at once, and those of other families have no effect.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler

from orchestrator.config.settings import SearchConfig
from orchestrator.suggest.distributions import distributions, from_params, suggested_point
from search_spaces.space import Point
from tests.benchmarks.search.peer import Peer


class OptunaPeer(Peer):
    """An in-memory Optuna study, asked and told.

    Args:
        is_flat: ask for the axes of every family, whichever was chosen.
    """

    def __init__(self, config: SearchConfig, sampler: BaseSampler, *, is_flat: bool) -> None:
        self._space = config.space
        self._is_flat = is_flat
        self._trials: dict[int, optuna.Trial] = {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(directions=["minimize"] * len(config.objectives), sampler=sampler)

    def ask(self, number: int) -> Point:
        if self._is_flat:
            trial = self._trials[number] = self._study.ask(fixed_distributions=distributions(self._space))
            return from_params(trial.params, self._space)
        trial = self._trials[number] = self._study.ask()
        return suggested_point(trial, self._space)

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        trial = self._trials.pop(number)
        if values is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, values=list(values))


def tpe(config: SearchConfig, *, seed: int, num_workers: int) -> OptunaPeer:
    """TPE with its models of conditional spaces, and with constant liar where trials are pending."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = TPESampler(seed=seed, multivariate=True, group=True, constant_liar=num_workers > 1)
    return OptunaPeer(config, sampler, is_flat=False)


def nsga2(config: SearchConfig, *, seed: int) -> OptunaPeer:
    return OptunaPeer(config, NSGAIISampler(seed=seed), is_flat=True)


def gaussian_process(config: SearchConfig, *, seed: int) -> OptunaPeer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return OptunaPeer(config, GPSampler(seed=seed), is_flat=True)
