"""The same toy trials and kills on Ray Tune with ``Tuner.restore``, on Optuna with SQLite, and on archfront.

``python -m tests.benchmarks.durability [--quick] [--kills N] [--json FILE]``. A driver is killed by SIGKILL whenever
some more trials were acknowledged, and started again as its library's documentation says, until all trials are done.
The ledger is written by the trials and by the callback that each library calls when a trial is complete.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks import machine
from tests.faults.ledger import read_lines

MARKER = "ARCHFRONT_DURABILITY"
ROOT = Path(__file__).parents[2]
DRIVERS = {"Ray Tune": "tune", "Optuna": "optuna", "archfront": "archfront"}
_GONE_AFTER_S = 10.0
_LONGEST_S = 900.0


def main() -> None:
    parser = machine.parser(__doc__ or "")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--only", choices=DRIVERS.values(), help="one of the three")
    options = parser.parse_args()
    kills, trials = (1, 8) if options.quick else (options.kills, options.trials)
    rows = [
        {"on": title, **_measured(name, num_kills=kills, num_trials=trials)}
        for title, name in DRIVERS.items()
        if options.only in (None, name)
    ]
    machine.publish(f"{trials} trials of 8 epochs, {kills} SIGKILLs of the driver", rows, to=options.json)


def _measured(name: str, *, num_kills: int, num_trials: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="af"))
    (folder / "r").mkdir()
    try:
        rng = random.Random(0)
        waiting = [rng.randint(2, max(2, num_trials // (num_kills + 1))) for _ in range(num_kills)]
        num_left = 0
        while True:
            was_killed = _session(name, folder, num_trials=num_trials, kill_after=waiting[0] if waiting else None)
            num_left += _processes_left(folder)
            if not was_killed:
                return {"kills": num_kills - len(waiting), **_figures(folder), "processes left": num_left}
            waiting.pop(0)
    finally:
        _end_what_is_left(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _session(name: str, folder: Path, *, num_trials: int, kill_after: int | None) -> bool:
    """One driver; whether it was killed, which it is after ``kill_after`` more trials were acknowledged."""
    before = _num_acknowledged(folder)
    with (folder / "output").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.durability_drivers", name, str(folder), str(num_trials)],
            cwd=ROOT,
            env=os.environ | {MARKER: str(folder), "RAY_TMPDIR": str(folder / "r"), "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
        deadline = time.monotonic() + _LONGEST_S
        while process.poll() is None:
            if kill_after is not None and _num_acknowledged(folder) >= before + kill_after:
                _driver(process, name).kill()
                process.wait()
                return True
            if time.monotonic() > deadline:
                process.kill()
                raise TimeoutError((folder / "output").read_text()[-3000:])
            time.sleep(0.02)
    if process.returncode:
        raise RuntimeError((folder / "output").read_text()[-3000:])
    return False


def _driver(process: subprocess.Popen[bytes], name: str) -> psutil.Process:
    """The process that searches: archfront's stands below its supervisor."""
    started = psutil.Process(process.pid)
    return started.children()[0] if name == "archfront" else started


def _num_acknowledged(folder: Path) -> int:
    return sum(line["kind"] == "acknowledged" for line in read_lines(folder / "ledger.jsonl"))


def _figures(folder: Path) -> dict[str, int]:
    """Trials are told apart by their point; ``result`` lines say what the library knows at the end."""
    lines = read_lines(folder / "ledger.jsonl")
    acknowledged = [line["point"] for line in lines if line["kind"] == "acknowledged"]
    known = {line["point"] for line in lines if line["kind"] == "result"}
    trained = Counter((line["point"], line["epoch"]) for line in lines if line["kind"] == "trained")
    return {
        "acknowledged": len(set(acknowledged)),
        "lost": len(set(acknowledged) - known),
        "duplicated": len(acknowledged) - len(set(acknowledged)),
        "epochs": sum(trained.values()),
        "epochs redone": sum(count - 1 for count in trained.values()),
        "epochs of lost trials": sum(count for (point, _), count in trained.items() if point not in known),
    }


def _processes_left(folder: Path) -> int:
    """Those that a driver has left ten seconds after its end; they are ended, so that none is counted twice."""
    deadline = time.monotonic() + _GONE_AFTER_S
    while (left := _started(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    _end_what_is_left(folder)
    return len(left)


def _started(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if process.info["status"] != psutil.STATUS_ZOMBIE and process.environ().get(MARKER) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _end_what_is_left(folder: Path) -> None:
    for process in _started(folder):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    main()
