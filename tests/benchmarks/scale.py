"""What 10,000 trials cost in the driver, 1,000 at once: ``python -m tests.benchmarks.scale``.

The real sampler, scheduler, store and outbox; training is made up and takes no time. Seconds are those in which Ray
Tune's loop would wait: for a suggestion, for a report with its rung decision and COMMIT, for an end; and those of the
processor, which a busy machine does not stretch. Memory is what the process has grown by since every slot had its
first trial. Then the study is opened again, as a resume does, and its outbox is sent to a real MLflow on this machine.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from orchestrator import studies
from orchestrator.config.loading import load
from orchestrator.config.settings import SearchConfig
from orchestrator.data.catalog import inspect
from orchestrator.records import EpochReport
from orchestrator.store.messages import MessageKind
from orchestrator.store.rows import Attempt
from orchestrator.tracking.tracker import Tracker
from tests.benchmarks.machine import parser, publish
from tests.simulation import Simulation, accuracy_at, open_store

MLFLOW_S = 60.0
"""For so long events are sent."""

MAX_BEHIND_S = 60.0
MAX_EPOCH_S = 3_600


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Milliseconds by what was waited for, on the clock and on the processor."""

    laps_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        yield
        self.laps_ms[name].append(1000 * (time.perf_counter() - began_s))
        self.cpu_ms[name].append(1000 * (time.process_time() - began_cpu_s))

    def rows(self, num_trials: int) -> list[dict[str, Any]]:
        return [
            {
                "waits for": name,
                "n": len(laps),
                "median (ms)": statistics.median(laps),
                "p95 (ms)": sorted(laps)[math.ceil(0.95 * len(laps)) - 1],
                "most (ms)": max(laps),
                "a trial (ms)": sum(laps) / num_trials,
                "CPU of a trial (ms)": sum(self.cpu_ms[name]) / num_trials,
            }
            for name, laps in self.laps_ms.items()
        ]


def search(simulation: Simulation, watch: Stopwatch, *, num_slots: int) -> tuple[float, list[int]]:
    """All trials of the budget: each slot an epoch in turn, and the next trial as soon as it is free.

    Returns:
        The bytes that a trial takes, and the events for MLflow that there were after each turn.
    """

    def start() -> Attempt | None:
        if simulation.proposals.is_spent:
            return None
        with watch.timed("suggestion and start"):
            return simulation.proposals.next()

    process, records = psutil.Process(), simulation.store.records
    running = list(itertools.islice(iter(start, None), num_slots))
    before_bytes, num_before = process.memory_info().rss, len(records)
    num_events = []
    while running:
        later = [attempt if advance(simulation, watch, attempt) else start() for attempt in running]
        running = [attempt for attempt in later if attempt is not None]
        num_events.append(simulation.store.num_unacknowledged)
    return (process.memory_info().rss - before_bytes) / (len(records) - num_before), num_events


def advance(simulation: Simulation, watch: Stopwatch, attempt: Attempt) -> bool:
    """One epoch, and the end after the last; returns whether the trial goes on."""
    record, epochs = simulation.store.records[attempt.trial], simulation.config.recipe.epochs
    epoch = len(record.reports) + 1
    report = EpochReport(
        epoch=epoch,
        accuracy=accuracy_at(simulation.store, attempt.trial, epoch, epochs=epochs),
        loss=1.0,
        train_loss=1.0,
        wall_time_s=epoch * record.macs * 1e-6,
    )
    with watch.timed("report and decision"):
        goes_on = simulation.receive(attempt, MessageKind.REPORT, report=report)
    if goes_on and epoch == epochs:
        with watch.timed("end"):
            simulation.receive(attempt, MessageKind.END, result=simulation.completed(report))
        return False
    return goes_on


def resumed_s(root: Path, config: SearchConfig) -> float:
    """From a directory to the first suggestion of the next session."""
    began_s = time.perf_counter()
    simulation = Simulation(root, config)
    simulation.proposals.next()
    seconds = time.perf_counter() - began_s
    simulation.store.close()
    return seconds


def send(root: Path, config: SearchConfig) -> tuple[int, float]:
    """Sends the study to MLflow on SQLite; returns the events and the seconds, those of its start not counted."""
    store = open_store(root, config)
    uri = f"sqlite:///{root.parent / 'mlflow.db'}"
    tracker = Tracker(store, uri=uri, experiment="scale", study_id=store.study_id, directory=root)
    tracker.start()
    try:
        first = tracker.num_behind
        while tracker.num_behind == first:  # MLflow is being imported, its tables are being made
            tracker.flush(1.0)
        began_s, behind = time.perf_counter(), tracker.num_behind
        left = tracker.flush(MLFLOW_S)
        return behind - left, time.perf_counter() - began_s
    finally:
        tracker.close()
        store.close()


def shortest_epoch_s(num_events: Sequence[int], events_a_second: float) -> float:
    """How long an epoch must last so that MLflow is never behind by more than a minute, every turn being one epoch."""
    if not events_a_second:  # of a short study everything was sent while MLflow began
        return math.nan
    sending_s = np.diff(num_events, prepend=0) / events_a_second

    def most_behind_s(epoch_s: float) -> float:
        behind = list(itertools.accumulate(sending_s, lambda before, more: max(0.0, before - epoch_s) + more))
        return max(behind)

    return next((epoch_s for epoch_s in range(1, MAX_EPOCH_S) if most_behind_s(epoch_s) <= MAX_BEHIND_S), math.inf)


def main() -> None:
    options = _options()
    overrides = (f"budget.trials={options.trials}", f"recipe.epochs={options.epochs}", *options.set)
    shipped = {name: studies.read(name) for name in studies.names()}
    config = load("digits", overrides, inspect=inspect, shipped=shipped).config
    with tempfile.TemporaryDirectory() as folder:
        root, watch = Path(folder) / "study", Stopwatch()
        simulation = Simulation(root, config)
        trial_bytes, num_events = search(simulation, watch, num_slots=options.slots)
        num_trials = len(simulation.store.records)
        simulation.store.close()
        more = load("digits", (*overrides, f"budget.trials={num_trials + 1}"), inspect=inspect, shipped=shipped).config
        resume_s = resumed_s(root, more)
        num_sent, sending_s = send(root, more)
    rows = watch.rows(num_trials)
    publish(f"{num_trials:,} trials, {options.slots:,} at once, {options.epochs} epochs", rows, to=options.json)
    figures = {
        "a trial in the driver (ms)": sum(row["a trial (ms)"] for row in rows),
        "CPU of a trial (ms)": sum(row["CPU of a trial (ms)"] for row in rows),
        "without its suggestion (ms)": sum(row["a trial (ms)"] for row in rows[1:]),
        "memory of a trial (kB)": trial_bytes / 1000,
        "resume (s)": resume_s,
        "events to MLflow": num_events[-1],
        "events a second": num_sent / sending_s,
        "epochs with MLflow a minute behind at most (s)": shortest_epoch_s(num_events, num_sent / sending_s),
    }
    to = options.json and options.json.with_stem(f"{options.json.stem}-sums")
    publish("in sum", [figures], to=to)


def _options() -> argparse.Namespace:
    options = parser(__doc__ or "")
    options.add_argument("--trials", type=int, default=10_000)
    options.add_argument("--slots", type=int, default=1_000, metavar="N", help="trials at once")
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="other settings of the study")
    given = options.parse_args()
    if given.quick:
        given.trials, given.slots = 200, 20
    return given


if __name__ == "__main__":
    main()
