"""Optuna as the sampler: suggestion k is a function of the study's seed, k, and the asks and trials before it."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import assert_never

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SamplerName
from orchestrator.objectives import LATENCY_MS, Objective
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.store.rows import Ask
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value
from search_spaces.space import FAMILY, Point, SearchSpace

NUM_RANDOM_ASKS = 10
"""Before TPE models anything, as in Optuna's own default."""


class OptunaSampler:
    """An in-memory Optuna study that is brought up to date from the store before each ask.

    Every ask of the store is one Optuna trial of the same number, so a study that is rebuilt from the store
    and one that was kept suggest the same.
    """

    def __init__(
        self, *, space: SearchSpace, objectives: Sequence[Objective], seed: int, name: SamplerName = SamplerName.TPE
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._seed = seed
        self._name = name
        self._distributions = _distributions(space)
        self._handles: dict[int, optuna.Trial] = {}  # asked by this process, constraints not told yet
        self._untold: set[int] = set()
        self._num_asks = 0
        optuna.logging.set_verbosity(logging.ERROR)
        directions = [optuna.study.StudyDirection[objective.direction.name] for objective in objectives]
        self._study = optuna.create_study(directions=directions, sampler=RandomSampler(seed=seed))

    def ask(self, number: int) -> Point:
        """Proposes a point; ``number`` is the count of asks so far."""
        self._study.sampler = self._sampler(derive_seed(self._seed, "sampler", number))
        trial = self._study.ask()
        assert trial.number == number, f"ask {number} is Optuna's trial {trial.number}"
        self._handles[number] = trial
        return self._space.resolve(lambda name, parameter: _suggest(trial, name, parameter))

    def observe(self, asks: Sequence[Ask], records: Mapping[int, TrialRecord]) -> None:
        """Tells what has become of every ask since the last call; trials that run stay pending.

        Args:
            asks: all of them, in order.
            records: of the asks that became trials, by ask number.
        """
        for ask in asks[self._num_asks :]:
            handle = self._handles.pop(ask.number, None)
            if handle is None:
                self._study.add_trial(self._running(ask))
            else:
                for name, violation in ask.violations.items():
                    handle.set_constraint(name, violation)
            self._untold.add(ask.number)
        self._num_asks = len(asks)
        for number in sorted(self._untold):
            if self._tell(asks[number], records.get(number)):
                self._untold.remove(number)

    def _tell(self, ask: Ask, record: TrialRecord | None) -> bool:
        """Tells an ask's end; False while there is none."""
        if ask.refusal is None and (record is None or not record.state.is_end):
            return False
        if record is not None and record.state is TrialState.COMPLETED:
            self._study.tell(ask.number, values=[search_value(record, item.name) for item in self._objectives])
        else:
            teaches = _teaches_as_bad(ask, record)
            state = optuna.trial.TrialState.PRUNED if teaches else optuna.trial.TrialState.FAIL
            self._study.tell(ask.number, state=state)
        return True

    def _running(self, ask: Ask) -> optuna.trial.FrozenTrial:
        """An ask of an earlier process: Optuna needs its parameters and constraints."""
        prefixed = {FAMILY: ask.point.family} | {
            f"{ask.point.family}.{name}": _to_optuna(value) for name, value in ask.point.values.items()
        }
        params = {name: value for name, value in prefixed.items() if name in self._distributions}
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions={name: self._distributions[name] for name in params},
            constraints=dict(ask.violations),
        )

    def _sampler(self, seed: int) -> BaseSampler:
        match self._name:
            case SamplerName.RANDOM:
                return RandomSampler(seed=seed)
            case SamplerName.TPE:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    return TPESampler(
                        seed=seed,
                        n_startup_trials=NUM_RANDOM_ASKS,
                        multivariate=True,
                        group=True,  # one joint model per family of a conditional space
                        constant_liar=True,  # pending trials count as bad, so that workers spread out
                    )
            case _:
                assert_never(self._name)


def search_value(record: TrialRecord, name: str) -> float:
    """A figure as the search sees it: latency as predicted, even where it was measured since.

    Measured and predicted figures differ in kind; a study that is extended after its confirmation must not mix them.
    """
    return record.predicted_latency_ms if name == LATENCY_MS else record.value(name)


def _teaches_as_bad(ask: Ask, record: TrialRecord | None) -> bool:
    """Whether a point without a value says something about its neighbours.

    A repeated point was told when it was new, and a lost worker says nothing of the network.
    """
    if record is None:
        return ask.refusal != "duplicate"
    return record.state is not TrialState.FAILED or record.cause in (Cause.DIVERGED, Cause.OUT_OF_MEMORY)


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    match parameter:
        case IntParameter():
            return trial.suggest_int(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case FloatParameter():
            return trial.suggest_float(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case ChoiceParameter():
            chosen = trial.suggest_categorical(name, [_to_optuna(choice) for choice in parameter.choices])
            return next(choice for choice in parameter.choices if _to_optuna(choice) == chosen)


def _distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    prefixed = {
        f"{family.family}.{parameter.name}": _distribution(parameter)
        for family in space.families
        for parameter in family.parameters
    }
    return {FAMILY: _distribution(space.family_parameter)} | prefixed


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case IntParameter():
            return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case FloatParameter():
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case ChoiceParameter():
            return CategoricalDistribution([_to_optuna(choice) for choice in parameter.choices])


def _to_optuna(value: Value) -> bool | int | float | str:
    """Optuna's choices are scalars: tuples such as ``block_config`` go as text."""
    return json.dumps(value) if isinstance(value, tuple) else value
