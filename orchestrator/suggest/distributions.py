"""A search space in Optuna's terms: one flat set of distributions, each axis under its family's prefix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value
from search_spaces.space import FAMILY, Point, SearchSpace


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """All axes of all families: ``family``, ``densenet.growth_rate``, ..."""
    prefixed = {
        f"{family.family}.{parameter.name}": distribution(parameter)
        for family in space.families
        for parameter in family.parameters
    }
    return {FAMILY: distribution(space.family_parameter)} | prefixed


def distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case IntParameter():
            return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case FloatParameter():
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case ChoiceParameter():
            return CategoricalDistribution([_to_optuna(choice) for choice in parameter.choices])


def suggested_point(trial: optuna.Trial, space: SearchSpace) -> Point:
    """The point that a trial's sampler suggests."""
    return space.resolve(lambda name, parameter: _suggest(trial, name, parameter))


def to_params(point: Point, space: SearchSpace) -> dict[str, Any]:
    """A point as the parameters of an Optuna trial."""
    searched = {parameter.name for parameter in space[point.family].parameters}
    values = {f"{point.family}.{name}": _to_optuna(point.values[name]) for name in point.values if name in searched}
    return {FAMILY: point.family} | values


def from_params(params: Mapping[str, Any], space: SearchSpace) -> Point:
    """The point whose parameters they are."""
    return space.resolve(lambda name, parameter: _from_optuna(params[name], parameter))


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    match parameter:
        case IntParameter():
            return trial.suggest_int(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case FloatParameter():
            return trial.suggest_float(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case ChoiceParameter():
            chosen = trial.suggest_categorical(name, [_to_optuna(choice) for choice in parameter.choices])
            return _from_optuna(chosen, parameter)


def _to_optuna(value: Value) -> bool | int | float | str:
    """Optuna's choices are scalars: tuples such as ``block_config`` go as text."""
    return json.dumps(value) if isinstance(value, tuple) else value


def _from_optuna(value: Any, parameter: Parameter) -> Value:
    if isinstance(parameter, ChoiceParameter):
        return next(choice for choice in parameter.choices if _to_optuna(choice) == value)
    chosen: Value = value
    return chosen
