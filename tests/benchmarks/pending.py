"""On how many pending networks suggestions should be conditioned: ``python -m tests.benchmarks.pending``.

Searches of the shipped study's space with many workers, conditioned on as many as the product does and on 128, under
the same made-up objectives: an error that is a smooth random function of the costs and of each family's axes, seen with
noise. Regret is the hypervolume that a search lacks to that of all candidates, on average over its trials.

Legend: N candidates, K features, C costs, M objectives.
"""

from __future__ import annotations

import heapq
import math
import statistics
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import optuna
from numpy.typing import NDArray

from orchestrator import pareto, studies
from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.objectives import LATENCY_MS, NUM_PARAMETERS
from orchestrator.suggest import acquisition
from orchestrator.suggest.costing import Costing
from orchestrator.suggest.distributions import suggested_point
from orchestrator.suggest.known_cost import EPOCH_S, KnownCostSampler
from orchestrator.suggest.pool import CandidatePool
from tests.benchmarks.machine import median_interval, parser, publish
from tests.simulation import PREDICTIONS

MANY = 128
TRIALS_EACH = 4
"""Trials of a search, for each of its workers; never fewer than ``MIN_TRIALS``."""
MIN_TRIALS = 400

_NUM_WAVES = 200
_NOISE = 0.08
_EVERY = 25

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Objective:
    """What the candidates are worth, what a search sees of them, and what training them takes."""

    points_NM: Array
    seen_error_N: Array
    seconds_N: Array

    @classmethod
    def made_up(cls, pool: CandidatePool, seed: int) -> Objective:
        rng, networks = np.random.default_rng(seed), pool.networks
        features = networks.features
        value_N = 2.4 * (0.5 - features.costs_NC[:, 0]) + 0.5 * _waves(features.costs_NC, rng, length=0.7)
        for family in np.unique(features.family_N):
            alike = features.family_N == family
            value_N[alike] += 0.2 * rng.normal() + 0.35 * _waves(features.axes_NA[alike], rng, length=0.8)
        error_N = np.exp(0.6 * value_N - 2.6)
        seconds_N = np.exp(networks.work_NK.mean(axis=1))
        return cls(
            points_NM=np.column_stack([(error_N - error_N.min()) / np.ptp(error_N), networks.objectives_ND]),
            seen_error_N=np.clip(error_N * np.exp(_NOISE * rng.normal(size=len(pool))), 0.002, 0.95),
            seconds_N=seconds_N / seconds_N.mean(),
        )

    def regret(self, trained: list[int]) -> float:
        reference = np.full(self.points_NM.shape[1], pareto.REFERENCE)
        best = pareto.hypervolume(self.points_NM, reference)
        counts = range(_EVERY, len(trained) + 1, _EVERY)
        found = [pareto.hypervolume(self.points_NM[trained[:count]], reference) for count in counts]
        return 1.0 - statistics.mean(found) / best


def _waves(features_NK: Array, rng: np.random.Generator, *, length: float) -> Array:
    """A draw from a Gaussian process, nearly (Rahimi and Recht 2007)."""
    waves = features_NK @ (rng.normal(size=(features_NK.shape[1], _NUM_WAVES)) / length)
    values_N: Array = np.cos(waves + rng.uniform(0, 2 * math.pi, _NUM_WAVES)) @ rng.normal(size=_NUM_WAVES)
    return values_N * math.sqrt(2 / _NUM_WAVES)


def search(config: SearchConfig, pool: CandidatePool, objective: Objective, *, workers: int, seed: int) -> list[int]:
    """The places of the candidates that were trained, in the order in which they ended."""
    sampler = KnownCostSampler(pool, config.space, accuracy_index=0, seed=seed)
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    place_of = {(point.family, *point.values.items()): place for place, point in enumerate(pool.points)}
    num_trials = max(MIN_TRIALS, TRIALS_EACH * workers)
    running: list[tuple[float, int, int, optuna.Trial]] = []
    ended: list[int] = []

    def start(now_s: float) -> None:
        trial = study.ask()
        point = suggested_point(trial, config.space)
        place = place_of[point.family, *point.values.items()]
        heapq.heappush(running, (now_s + objective.seconds_N[place], trial.number, place, trial))

    for _ in range(workers):
        start(0.0)
    while running:
        now_s, _, place, trial = heapq.heappop(running)
        trial.set_user_attr(EPOCH_S, float(objective.seconds_N[place]))
        costs = pool.networks.objectives_ND[place].tolist()
        study.tell(trial, [1.0 - objective.seen_error_N[place], *costs])
        ended.append(place)
        if len(ended) + len(running) < num_trials:
            start(now_s)
    return ended


def _pool(config: SearchConfig) -> CandidatePool:
    costing = Costing(task=config.task, latency=config.latency, predictions=PREDICTIONS)
    names = [NUM_PARAMETERS, LATENCY_MS]
    return CandidatePool(config.space, costing.table, objectives=names, constraints=(), seed=0, presets={})


def _row(workers: int, regrets: dict[int, list[float]]) -> dict[str, Any]:
    ours = regrets[acquisition.MAX_CONDITIONED]
    ratio, low, high = median_interval([one / many for one, many in zip(ours, regrets[MANY], strict=True)])
    return {
        "workers": workers,
        "n": len(ours),
        f"regret beside {acquisition.MAX_CONDITIONED}": statistics.median(ours),
        f"beside {MANY}": statistics.median(regrets[MANY]),
        "ratio": ratio,
        "95 % low": low,
        "95 % high": high,
    }


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--workers", nargs="+", type=int, default=[64, 256, 1_000])
    given = options.parse_args()
    if given.quick:
        given.seeds, given.workers = 1, [40]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shipped = {name: studies.read(name) for name in studies.names()}
    config = load("digits", (), inspect=inspect, shipped=shipped).config
    pool = _pool(config)
    rows = []
    for workers in given.workers:
        regrets: dict[int, list[float]] = {acquisition.MAX_CONDITIONED: [], MANY: []}
        for seed in range(given.seeds):
            objective = Objective.made_up(pool, seed)
            for num_conditioned, found in regrets.items():
                with mock.patch.object(acquisition, "MAX_CONDITIONED", num_conditioned):
                    found.append(objective.regret(search(config, pool, objective, workers=workers, seed=seed)))
        rows.append(_row(workers, regrets))
    publish("regret of searches with many workers", rows, to=given.json)


if __name__ == "__main__":
    main()
