"""Kills and changes in numbers, with the last result kept: ``python -m tests.faults failpoints --count 1000``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from orchestrator import provenance

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("failpoints", "mutations", "processes"))
    parser.add_argument(
        "--count", type=int, default=1000, help="kills, or changed files of each kind (ten times as many study files)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the result goes, instead of the results' folder"
    )
    options = parser.parse_args()
    logging.disable()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # in order: what was started for it ends with it
    to = options.json or RESULTS / f"{options.what}.json"
    run = {"failpoints": _failpoints, "mutations": _mutations, "processes": _processes}[options.what]
    problems = run(options.count, options.seed, to)
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


def _failpoints(count: int, seed: int, to: Path) -> list[str]:
    from tests.faults.killing import kill_studies

    def tell(tally: Any) -> None:
        print(f"{tally.num_kills} of {count} kills, {len(tally.problems)} problems", end="\r", flush=True)

    tally = kill_studies(num_kills=count, seed=seed, tell=tell)
    _write(to, {"figures": tally.figures(), "kills by place": dict(sorted(tally.kills.items()))}, tally.problems)
    return tally.problems


def _mutations(count: int, seed: int, to: Path) -> list[str]:
    import tempfile

    from tests.faults.mutations import CASES, good_files, run_cases

    problems: list[str] = []
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = good_files(folder)
        for kind in CASES:
            found = run_cases(kind, good, folder, count=10 * count if kind == "study files" else count, seed=seed)
            figures[kind] = {
                "read": found.num_read,
                "refused": found.num_refused,
                "slowest_s": round(found.slowest_s, 3),
                "problems": len(found.problems),
            }
            print(kind, figures[kind], flush=True)
            problems += found.problems
    _write(to, {"figures": figures}, problems)
    return problems


def _processes(count: int, seed: int, to: Path) -> list[str]:
    from tests.faults.processes import kill_processes

    return kill_processes(num_kills=count, seed=seed, to=to).problems


def _write(to: Path, result: dict[str, Any], problems: list[str]) -> None:
    to.parent.mkdir(exist_ok=True)
    content = {**result, "problems": problems, "machine": provenance.collect()}
    to.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
