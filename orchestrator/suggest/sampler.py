"""Optuna as the sampler: suggestion k is a function of the study's seed, k, and the asks and trials before it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, assert_never

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from orchestrator.config.seeds import derive_seed
from orchestrator.config.settings import SamplerName
from orchestrator.objectives import ACCURACY, Objective
from orchestrator.records import Cause, TrialRecord, TrialState
from orchestrator.store.rows import Ask
from orchestrator.suggest.distributions import distributions, suggested_point, to_params
from orchestrator.suggest.known_cost import EPOCH_S, PREDICTED_ACCURACY, KnownCostSampler
from orchestrator.suggest.pool import CandidatePool
from orchestrator.suggest.stored import PriorResult
from search_spaces.space import Point, SearchSpace

NUM_RANDOM_ASKS = 10
"""Before TPE and GP model anything, as in Optuna's own defaults."""

POPULATION_SIZE = 20
"""Of NSGA-II: Optuna's default of 50 leaves a study of some dozen trials in its first, random generation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A point, why it was suggested, and what Optuna must be given back of it when the study is rebuilt.

    Attributes:
        reason: figures that led to it, as JSON values; empty for samplers that don't say.
        attributes: system attributes of the Optuna trial and of its study, as JSON values.
    """

    point: Point
    reason: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an ask ended, as Optuna is told."""

    state: optuna.trial.TrialState
    attributes: Mapping[str, float]
    values: Sequence[float] | None = None


class OptunaSampler:
    """An in-memory Optuna study that is brought up to date from the store before each ask.

    Every ask of the store is one Optuna trial of the same number, so a study that is rebuilt from the store
    and one that was kept suggest the same. Unless it ``is_timed``, nothing that was measured decides.
    """

    def __init__(
        self,
        *,
        space: SearchSpace,
        objectives: Sequence[Objective],
        seed: int,
        name: SamplerName,
        pool: Callable[[], CandidatePool],
        min_accuracy: float | None = None,
        priors: Sequence[PriorResult] = (),
        is_timed: bool = True,
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._seed = seed
        self._name = name
        self._pool = pool
        self._min_accuracy = min_accuracy
        self._priors = tuple(priors)
        self._is_timed = is_timed
        self._known_cost: KnownCostSampler | None = None
        self._distributions = distributions(space)
        self._handles: dict[int, optuna.Trial] = {}  # of asks whose end was not told yet
        self._num_asks = 0
        optuna.logging.set_verbosity(logging.ERROR)
        directions = [optuna.study.StudyDirection[objective.direction.name] for objective in objectives]
        self._study = optuna.create_study(directions=directions, sampler=RandomSampler(seed=seed))

    def ask(self, number: int) -> Suggestion:
        """Proposes a point; ``number`` is the count of asks so far.

        Raises:
            LookupError: the sampler has nothing left that was not suggested before.
        """
        self._study.sampler = self._sampler(derive_seed(self._seed, "sampler", number))
        if self._known_cost is not None and self._known_cost.is_exhausted(self._study):
            raise LookupError("every candidate was suggested")
        before = self._study_attributes()
        trial = self._study.ask()
        assert trial.number == number, f"ask {number} is Optuna's trial {trial.number}"
        self._handles[number] = trial
        point = suggested_point(trial, self._space)
        of_study = {name: value for name, value in self._study_attributes().items() if name not in before}
        of_trial = self._study.get_trials(deepcopy=False)[number].system_attrs
        attributes = {"trial": dict(of_trial), "study": of_study}
        return Suggestion(
            point=point,
            reason=self._known_cost.reason if self._known_cost else {},
            attributes={name: values for name, values in attributes.items() if values},
        )

    def observe(
        self, asks: Sequence[Ask], record_of: Callable[[int], TrialRecord | None], *, running: Set[int]
    ) -> None:
        """Tells what has become of every ask since the last call; trials that run stay pending.

        Args:
            asks: all of them, in order.
            record_of: the trial that an ask became, by the ask's number.
            running: asks whose trials have not ended; they are many, and nothing is looked up of them.
        """
        for ask in asks[self._num_asks :]:
            if ask.number not in self._handles:
                self._replay(ask, self._outcome(ask, record_of(ask.number)))
            else:
                for name, violation in ask.violations.items():
                    self._handles[ask.number].set_constraint(name, violation)
        self._num_asks = len(asks)
        moved = [number for number in self._handles if number not in running]
        outcomes = {number: self._outcome(asks[number], record_of(number)) for number in sorted(moved)}
        for number, outcome in outcomes.items():
            if outcome is not None:
                self._tell(number, outcome)

    def _outcome(self, ask: Ask, record: TrialRecord | None) -> _Outcome | None:
        """How an ask ended; None while it has not."""
        if ask.refusal is None and (record is None or not record.state.is_end):
            return None
        attributes = {} if record is None else _user_attributes(record, is_timed=self._is_timed)
        if record is not None and record.state is TrialState.COMPLETED:
            values = tuple(record.predicted(item.name) for item in self._objectives)
            return _Outcome(optuna.trial.TrialState.COMPLETE, attributes, values)
        teaches = _teaches_as_bad(ask, record)
        return _Outcome(optuna.trial.TrialState.PRUNED if teaches else optuna.trial.TrialState.FAIL, attributes)

    def _tell(self, number: int, outcome: _Outcome) -> None:
        handle = self._handles.pop(number)
        for name, value in outcome.attributes.items():
            handle.set_user_attr(name, value)
        self._study.tell(number, values=outcome.values, state=outcome.state)

    def _replay(self, ask: Ask, outcome: _Outcome | None) -> None:
        """Adds an ask of an earlier process as Optuna had it then, with its end where it has one."""
        params = to_params(ask.point, self._space)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING if outcome is None else outcome.state,
                values=None if outcome is None else outcome.values,
                params=params,
                distributions={name: self._distributions[name] for name in params},
                user_attrs={} if outcome is None else dict(outcome.attributes),
                system_attrs=dict(ask.attributes.get("trial", {})),
                constraints=dict(ask.violations),
            )
        )
        for name, value in ask.attributes.get("study", {}).items():
            storage, study_id = self._storage()
            storage.set_study_system_attr(study_id, name, value)
        if outcome is None:
            self._handles[ask.number] = optuna.Trial(self._study, ask.number)  # in memory they are counted from 0

    def _study_attributes(self) -> dict[str, Any]:
        storage, study_id = self._storage()
        return storage.get_study_system_attrs(study_id)

    def _storage(self) -> tuple[optuna.storages.BaseStorage, int]:
        """NSGA-II keeps its generations in the study's system attributes, which Optuna shows to samplers only."""
        return self._study._storage, self._study._study_id  # noqa: SLF001

    def _sampler(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            match self._name:
                case SamplerName.KNOWN_COST:
                    return self._kept_known_cost()
                case SamplerName.RANDOM:
                    return RandomSampler(seed=seed)
                case SamplerName.NSGA2:
                    return NSGAIISampler(seed=seed, population_size=POPULATION_SIZE)
                case SamplerName.GP:
                    return GPSampler(seed=seed, n_startup_trials=NUM_RANDOM_ASKS, warn_independent_sampling=False)
                case SamplerName.TPE:
                    return TPESampler(
                        seed=seed,
                        n_startup_trials=NUM_RANDOM_ASKS,
                        multivariate=True,
                        group=True,  # one joint model per family of a conditional space
                        constant_liar=True,  # pending trials count as bad, so that workers spread out
                    )
                case _:
                    assert_never(self._name)

    def _kept_known_cost(self) -> KnownCostSampler:
        if self._known_cost is None:
            index = next(index for index, item in enumerate(self._objectives) if item.name == ACCURACY)
            self._known_cost = KnownCostSampler(
                self._pool(),
                self._space,
                accuracy_index=index,
                seed=self._seed,
                min_accuracy=self._min_accuracy,
                priors=self._priors,
            )
        return self._known_cost


def _user_attributes(record: TrialRecord, *, is_timed: bool) -> dict[str, float]:
    """What ``known-cost`` learns from a trial beside its values."""
    attributes = {}
    if record.reports and is_timed:
        attributes[EPOCH_S] = record.reports[-1].wall_time_s / record.reports[-1].epoch
    if record.predicted_accuracy is not None:
        attributes[PREDICTED_ACCURACY] = record.predicted_accuracy
    return attributes


def _teaches_as_bad(ask: Ask, record: TrialRecord | None) -> bool:
    """Whether a point without a value says something about its neighbours.

    A repeated point was told when it was new, and a lost worker says nothing of the network.
    """
    if record is None:
        return ask.refusal != "duplicate"
    return record.state is not TrialState.FAILED or record.cause in (Cause.DIVERGED, Cause.OUT_OF_MEMORY)
