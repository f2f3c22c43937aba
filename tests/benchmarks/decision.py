"""How long a rung decision takes among many trials: ``python -m tests.benchmarks.decision``.

Made-up trials with two cost objectives. Between two decisions one trial is new; what a decision reads, ranks and fits
is all that a report of Ray Tune waits for.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from orchestrator.records import TrialRecord
from orchestrator.schedule import asha, rule
from orchestrator.schedule.history import History
from orchestrator.schedule.progress import Peers, Progress
from orchestrator.schedule.ranking import Ranking
from tests.benchmarks.machine import parser, publish
from tests.schedule.trials import RUNG
from tests.synthetic import OBJECTIVES, study

NUM_TRIALS = (100, 1_000, 10_000)


def made_up(num_trials: int) -> dict[int, TrialRecord]:
    """Copies of a made-up study under numbers of their own, with costs moved a little."""
    rng, templates = random.Random(0), study(200, is_confirmed=False).records
    return {
        number: replace(
            rng.choice(templates),
            number=number,
            num_parameters=int(math.exp(rng.uniform(8, 14))),
            predicted_latency_ms=math.exp(rng.uniform(-1, 3)),
        )
        for number in range(num_trials)
    }


def decision_ms(decide: Callable[[Progress, Peers], object], num_trials: int, num_decisions: int) -> list[float]:
    """Milliseconds of decisions one after the other; the first, which reads everything, is left out."""
    records = made_up(num_trials)
    history = History(OBJECTIVES, (RUNG,))
    candidate = Progress(costs=(3e5, 5.0), accuracy_at={RUNG: 0.5})
    found = []
    for number in range(num_decisions + 1):
        began = time.perf_counter()
        history.observe(records)
        decide(candidate, history.peers(RUNG, of=num_trials + num_decisions))
        found.append(1000 * (time.perf_counter() - began))
        record = records[number]
        records[len(records)] = replace(record, number=len(records), predicted_latency_ms=record.latency_ms * 1.1)
    return found[1:]


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    num_decisions = 5 if options.quick else 200
    rows = []
    for num_trials in NUM_TRIALS[: 1 if options.quick else None]:
        ranking = Ranking()
        rules: dict[str, Callable[[Progress, Peers], object]] = {
            "front": rule.decide,
            "asha": lambda candidate, peers, kept=ranking: asha.decide(candidate, peers, rank_N=kept.ranks(peers)),
        }
        for name, decide in rules.items():
            found = decision_ms(decide, num_trials, num_decisions)
            rows.append(
                {
                    "trials": num_trials,
                    "scheduler": name,
                    "median (ms)": statistics.median(found),
                    "p95 (ms)": sorted(found)[math.ceil(0.95 * len(found)) - 1],
                    "most (ms)": max(found),
                }
            )
    publish(f"one rung decision, n = {num_decisions} each", rows, to=options.json)


if __name__ == "__main__":
    main()
