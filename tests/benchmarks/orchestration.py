"""What the study costs beside the training: ``python -m tests.benchmarks.orchestration``.

The same architectures, epochs and slots, interleaved: (a) a study by the command line, timed from its first step to
its last trial's end; (b) as many plain processes as slots, each of which takes the next architecture from a queue,
trains and checkpoints it, and does nothing else. The start-up of (a), from the command to its first step, is printed
apart. Beside them stands (c), the documented pattern of one ``TorchTrainer.fit()`` in a Tune trial, three of them.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.records import EpochReport, StudySnapshot
from orchestrator.runtime.layout import this_machine
from orchestrator.store.reading import read_snapshot
from tests.benchmarks.machine import median_interval, parser, publish

EPOCHS = 4


@dataclass(frozen=True)
class StudyRun:
    snapshot: StudySnapshot
    start_up_s: float
    search_s: float


def run_study(folder: Path, *, trials: int) -> StudyRun:
    """A study without a scheduler, so that every trial has all its epochs."""
    settings = [
        f"recipe.epochs={EPOCHS}",
        f"budget.trials={trials}",
        'study.scheduler="none"',
        'study.sampler="random"',
    ]
    overrides = [part for setting in settings for part in ("--set", setting)]
    began = datetime.now(UTC)
    subprocess.run(
        [sys.executable, "-m", "orchestrator", "search", "digits", "--storage", str(folder), *overrides],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    root = folder / "digits"
    snapshot = read_snapshot(root)
    with closing(sqlite3.connect(root / "study.db")) as connection:
        rows = connection.execute(
            "SELECT event.at, report.wall_time_s FROM event JOIN report ON report.trial = event.trial"
            " AND report.epoch = json_extract(event.detail, '$.epoch') WHERE event.kind = 'epoch_reported'"
        ).fetchall()
        ends = connection.execute("SELECT max(at) FROM event WHERE kind = 'trial_ended'").fetchone()
    first_step = min(datetime.fromisoformat(at).timestamp() - wall_time_s for at, wall_time_s in rows)
    return StudyRun(
        snapshot=snapshot,
        start_up_s=first_step - began.timestamp(),
        search_s=datetime.fromisoformat(ends[0]).timestamp() - first_step,
    )


class QuietContext:
    """A training context that talks to nobody."""

    rank = 0
    world_size = 1
    seed = 0

    def __init__(self, directory: Path) -> None:
        import torch

        self.directory = directory
        self.device = torch.device("cpu")

    def report(self, report: EpochReport) -> None: ...

    def stop_requested(self, step: int) -> bool:
        return False


def run_plain(snapshot: StudySnapshot, folder: Path, *, slots: int) -> float:
    """Seconds that plain processes take, once all of them are warm."""
    spawn = multiprocessing.get_context("spawn")
    queue: Any = spawn.Queue()
    for record in snapshot.records:
        queue.put((record.number, dict(record.architecture)))
    for _ in range(slots):
        queue.put(None)
    barrier = spawn.Barrier(slots + 1)
    processes = [spawn.Process(target=_plain_worker, args=(queue, barrier, folder, snapshot)) for _ in range(slots)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - began


def _plain_worker(queue: Any, barrier: Any, folder: Path, snapshot: StudySnapshot) -> None:
    from orchestrator.config.identity import from_frozen
    from orchestrator.training.attempt import dataset_of
    from orchestrator.training.loop import train
    from orchestrator.training.reset import reset_global_state, warm_up
    from search_spaces.registry import architecture_from_dict

    config = from_frozen(snapshot.frozen, name=snapshot.name)
    reset_global_state(num_threads=1)
    dataset = dataset_of(config.data, config.study.seed)
    warm_up()
    barrier.wait()
    while (item := queue.get()) is not None:
        number, fields = item
        train(architecture_from_dict(fields), config.recipe, dataset, QuietContext(folder / str(number)))


def run_documented_pattern(snapshot: StudySnapshot, folder: Path, *, trials: int) -> list[float]:
    """Seconds a trial of Tune with one ``TorchTrainer.fit()`` each takes beyond its training."""
    program = Path(__file__).with_name("documented_pattern.py")
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(trials), *_numbers(snapshot, trials)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("overhead ")]


def _numbers(snapshot: StudySnapshot, trials: int) -> list[str]:
    return [str(record.number) for record in snapshot.records[:trials]]


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    repetitions, trials = (1, 6) if options.quick else (5, 24)
    slots = int(this_machine().num_cpus)
    studies, plains = [], []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(repetitions):
            studies.append(run_study(Path(folder) / f"study-{index}", trials=trials))
            plains.append(run_plain(studies[-1].snapshot, Path(folder) / f"plain-{index}", slots=slots))
        pattern = run_documented_pattern(studies[-1].snapshot, Path(folder) / f"study-{repetitions - 1}", trials=3)
    ratio, low, high = median_interval([plain / study.search_s for plain, study in zip(plains, studies, strict=True)])
    rows = [
        {"what": "study, first step to last end (s)", "median": median_interval([run.search_s for run in studies])[0]},
        {"what": "plain processes (s)", "median": median_interval(plains)[0]},
        {"what": "plain / study (1 is no overhead; goal: at least 0.8)", "median": ratio},
        {"what": "  its 95 % interval, low", "median": low},
        {"what": "  its 95 % interval, high", "median": high},
        {
            "what": "start-up of the study (s; goal: at most 20)",
            "median": median_interval([run.start_up_s for run in studies])[0],
        },
        {
            "what": "overhead of a trial of the study (s)",
            "median": _overhead_s(studies, plains, slots=slots, trials=trials),
        },
        {
            "what": "overhead of a trial of Tune + TorchTrainer (s)",
            "median": median_interval(pattern)[0] if pattern else "failed",
        },
    ]
    publish(
        f"orchestration: {trials} trials of {EPOCHS} epochs, {slots} slots, n = {repetitions}", rows, to=options.json
    )


def _overhead_s(studies: list[StudyRun], plains: list[float], *, slots: int, trials: int) -> float:
    return median_interval(
        [(run.search_s - plain) * slots / trials for run, plain in zip(studies, plains, strict=True)]
    )[0]


if __name__ == "__main__":
    main()
