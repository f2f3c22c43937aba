"""How long a suggestion takes after many trials: ``python -m tests.benchmarks.suggestion``.

Three objectives, the space of the shipped study ``digits``, made-up accuracies. A suggestion is all that Ray Tune
waits for: the history is brought up to date, the sampler asks, the point is costed. Each sampler starts from the
same random trials; the trial that it suggests ends before the next ask.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from dataclasses import replace
from typing import Any

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.settings import SamplerName, SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.records import EpochReport, TrialRecord, TrialState
from orchestrator.store.rows import Ask, Attempt
from orchestrator.suggest.proposals import Proposals
from orchestrator.suggest.wiring import proposals_of
from search_spaces.registry import architecture
from tests.benchmarks.machine import parser, publish
from tests.simulation import PREDICTIONS, predict_latency_ms

NUM_TRIALS = (100, 1_000, 10_000)


class MemoryLedger:
    """A store without a disk, whose trials end at once."""

    def __init__(self, config: SearchConfig, num_trials: int) -> None:
        self.records: dict[int, TrialRecord] = {}
        self.asks: list[Ask] = []
        self.num_live = 0
        self.running_asks: set[int] = set()
        self._trial_of_ask: dict[int, int] = {}
        rng = random.Random(0)
        known: set[str] = set()
        while len(self.records) < num_trials:
            point = config.space.sample(rng)
            network = architecture(point, config.task)
            if network.architecture_id in known:
                continue
            known.add(network.architecture_id)
            record = TrialRecord(
                number=len(self.records),
                state=TrialState.RUNNING,
                family=network.family,
                architecture=network.to_dict(),
                architecture_id=network.architecture_id,
                num_parameters=network.num_parameters,
                macs=network.macs(config.task.image_size),
                predicted_latency_ms=predict_latency_ms(network),
            )
            self.start(Ask(number=len(self.asks), point=point, violations={}), record)

    def record_of_ask(self, ask: int) -> TrialRecord | None:
        trial = self._trial_of_ask.get(ask)
        return None if trial is None else self.records[trial]

    def lost_trials(self) -> list[int]:
        return []

    def restart(self, trial: int) -> Attempt:
        raise NotImplementedError

    def refuse(self, ask: Ask) -> None:
        self.asks.append(ask)

    def reuse(self, ask: Ask, record: TrialRecord, **_: Any) -> None:
        raise NotImplementedError

    def start(self, ask: Ask, record: TrialRecord) -> Attempt:
        """COMPLETED at once: larger networks are better, each with a residual of its own."""
        residual = random.Random(record.architecture_id).gauss(0.0, 0.01)
        accuracy = min(0.999, 0.80 + 0.035 * math.log10(record.num_parameters) + residual)
        report = EpochReport(epoch=1, accuracy=accuracy, loss=1.0, train_loss=1.0, wall_time_s=record.macs * 1e-6)
        self.asks.append(ask)
        self._trial_of_ask[ask.number] = record.number
        self.records[record.number] = replace(
            record, state=TrialState.COMPLETED, accuracy=accuracy, loss=1.0, wall_time_s=1.0, reports=(report,)
        )
        return Attempt(trial=record.number, number=1, token="")


def suggestion_ms(config: SearchConfig, num_trials: int, num_asks: int) -> list[float]:
    """Milliseconds of suggestions one after the other; the first, which reads the history, is left out."""
    proposals: Proposals = proposals_of(MemoryLedger(config, num_trials), config, predictions=PREDICTIONS)
    proposals.next()
    found = []
    for _ in range(num_asks):
        began = time.perf_counter()
        proposals.next()
        found.append(1000 * (time.perf_counter() - began))
    return found


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    num_asks = 5 if options.quick else 60
    shipped = {name: studies.read(name) for name in studies.names()}
    config = load("digits", ("budget.trials=1000000",), inspect=inspect, shipped=shipped).config
    rows = []
    for num_trials in NUM_TRIALS[: 1 if options.quick else None]:
        for name in (SamplerName.KNOWN_COST, SamplerName.TPE):
            study = replace(config.study, sampler=name)
            # TPE takes half a minute each after 10,000 trials.
            count = num_asks if name is SamplerName.KNOWN_COST else min(num_asks, 12 if num_trials < 10_000 else 2)
            found = suggestion_ms(replace(config, study=study), num_trials, count)
            rows.append(
                {
                    "trials": num_trials,
                    "sampler": str(name),
                    "median (ms)": statistics.median(found),
                    "n": len(found),
                    "p95 (ms)": sorted(found)[math.ceil(0.95 * len(found)) - 1],
                    "most (ms)": max(found),
                }
            )
    publish("one suggestion, three objectives", rows, to=options.json)


if __name__ == "__main__":
    main()
