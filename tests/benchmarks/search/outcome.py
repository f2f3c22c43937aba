"""What each search of a case cost, kept as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.search.case import Case
from tests.benchmarks.search.methods import METHODS
from tests.benchmarks.search.peer import SHARES, Stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a search cost, in worker-seconds, to each of ``SHARES``; the limit where it did not get there."""

    seed: int
    cost_s: tuple[float, ...]
    is_reached: tuple[bool, ...]
    num_completed: int
    wall_time_s: float


def measured(case: Case, method: str, seed: int) -> Outcome:
    """Runs one search."""
    stop = Stop(case.scorer, num_workers=case.num_workers, max_tables=case.max_tables)
    began = time.perf_counter()
    trace = METHODS[method].search(case.table, case.config, seed=seed, num_workers=case.num_workers, stop=stop)
    costs_s = [case.scorer.cost_to(trace, share, case.num_workers) for share in SHARES]
    return Outcome(
        seed=seed,
        cost_s=tuple(min(cost_s, case.limit_s) for cost_s in costs_s),
        is_reached=tuple(cost_s <= case.limit_s for cost_s in costs_s),
        num_completed=len(trace),
        wall_time_s=time.perf_counter() - began,
    )


class Ledger:
    """A file of outcomes for each case and method, so that a benchmark goes on where it stopped.

    A file belongs to one state of a table and one limit; a method that has changed is measured again once its files are
    deleted.
    """

    def __init__(self, folder: Path | None, case: Case, method: str) -> None:
        self._path = folder and folder / _file_name(case, method)
        self._case = case
        self._method = method

    def outcomes(self, num_seeds: int) -> list[Outcome]:
        """Of seeds 0, 1, ...; searches those that are not there yet."""
        known = {outcome.seed: outcome for outcome in self._read()}
        for seed in range(num_seeds):
            if seed not in known:
                known[seed] = measured(self._case, self._method, seed)
                self._append(known[seed])
        return [known[seed] for seed in range(num_seeds)]

    def _read(self) -> Iterator[Outcome]:
        if self._path is not None and self._path.exists():
            for line in self._path.read_text().splitlines():
                fields = json.loads(line)
                lists = {name: tuple(fields[name]) for name in ("cost_s", "is_reached")}
                yield Outcome(**{**fields, **lists})

    def _append(self, outcome: Outcome) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")


def _file_name(case: Case, method: str) -> str:
    parts = [case.name, case.fingerprint, len(case.config.objectives), case.num_workers, f"{case.max_tables:g}", method]
    return "-".join(str(part) for part in parts).replace(" ", "_") + ".jsonl"
