"""Kills toy studies until they have ended in spite of it, and counts what is wrong afterwards."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.failpoints import FAILPOINTS
from tests.faults.checker import Decided, decided, num_redone, problems_after_kill, problems_at_end
from tests.faults.ledger import read_lines
from tests.faults.nursery import Nursery, nursery
from tests.faults.studies import REPRODUCIBLE

KINDS = (
    REPRODUCIBLE,
    (*REPRODUCIBLE, 'study.sampler="nsga2"'),
    (),
    (*REPRODUCIBLE, 'study.sampler="known-cost"'),
)
"""Settings of the studies in turn."""

AT_ANY_TIME = "at any time"
_LONGEST_S = 0.6
_ONCE = ("create.", "store.before_constants_commit")
"""What a study passes in its first session only."""
_OFTEN = {
    *(name for name in FAILPOINTS if name.startswith(("storage.", "checkpoint.", "tracking."))),
    "store.after_report_commit",
    "store.after_start_commit",
    "store.after_end_commit",
    "store.before_acknowledge_commit",
    "store.before_announce_commit",
    "store.before_report_commit",
    "store.before_start_commit",
}
"""What a trial passes at least once."""


@dataclass(kw_only=True)
class Tally:
    """What was done and what came of it; ``problems`` begin with their kind."""

    num_studies: int = 0
    num_sessions: int = 0
    num_acknowledged: int = 0
    num_epochs: int = 0
    num_redone: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def num_kills(self) -> int:
        return sum(self.kills.values())

    def figures(self) -> dict[str, Any]:
        """For a table, and for the file of the last result."""
        kinds = Counter(problem.partition(": ")[2].partition(":")[0] for problem in self.problems)
        return {
            "kills": self.num_kills,
            "studies": self.num_studies,
            "sessions": self.num_sessions,
            "acknowledged trials": self.num_acknowledged,
            "lost": kinds.pop("lost", 0),
            "duplicated": kinds.pop("duplicated", 0),
            "epochs": self.num_epochs,
            "epochs redone": self.num_redone,
            "redone beyond one per running trial": kinds.pop("redone", 0),
            "reproducible studies that differ": kinds.pop("differs", 0),
            "other problems": kinds.total(),
        }


def kill_studies(*, num_kills: int, seed: int, tell: Callable[[Tally], None] = lambda _: None) -> Tally:
    """Kills ``num_kills`` driver processes, most at failpoints in turn, each fifth at a random time."""
    with _in_memory() as folder, nursery(folder / "log") as children:
        harness = _Harness(children, folder, rng=random.Random(seed))
        while harness.tally.num_kills < num_kills:
            harness.kill_one_study(num_kills)
            tell(harness.tally)
        return harness.tally


class _Harness:
    def __init__(self, children: Nursery, folder: Path, *, rng: random.Random) -> None:
        self.tally = Tally()
        self._children = children
        self._folder = folder
        self._rng = rng
        self._places: list[str] = []
        self._undisturbed: dict[Sequence[str], Decided] = {}

    def kill_one_study(self, num_kills: int) -> None:
        """Kills a study in session after session until one of them comes to the end."""
        settings = KINDS[self.tally.num_studies % len(KINDS)]
        expected = self._expected(settings)
        folder = self._folder / f"{self.tally.num_studies:04d}"
        killed = ""
        while self.tally.num_kills < num_kills and (killed := self._session(folder, settings)):
            self._note(folder, problems_after_kill(folder), after=killed)
        if killed:  # all kills are spent
            self._finish(folder, settings)
        self._note(folder, problems_at_end(folder), after="its end")
        if settings:
            pairs = zip(decided(folder), expected, strict=False)
            different = [f"differs: {ours} is {theirs} undisturbed" for ours, theirs in pairs if ours != theirs]
            self._note(folder, different, after="its end")
        self._count(folder)
        shutil.rmtree(folder)

    def _expected(self, settings: Sequence[str]) -> Decided:
        if settings and settings not in self._undisturbed:
            folder = self._folder / f"undisturbed-{len(self._undisturbed)}"
            self._finish(folder, settings)
            self._undisturbed[settings] = decided(folder)
        return self._undisturbed.get(settings, [])

    def _session(self, folder: Path, settings: Sequence[str]) -> str:
        """One driver process; where it was killed, or nothing if it came to the end."""
        self.tally.num_sessions += 1
        place = AT_ANY_TIME if self.tally.num_sessions % 5 == 0 else self._place(is_new=not folder.exists())
        if place == AT_ANY_TIME:
            code = self._children.run(folder, settings=settings, kill_after_s=self._rng.uniform(0, _LONGEST_S))
        else:
            # A count that is not reached lets the study come to its end, and that is no kill.
            count = min(self._rng.randint(1, 8), self._rng.randint(1, 8)) if place in _OFTEN else 1
            code = self._children.run(folder, settings=settings, failpoint=f"{place}:{count}")
        if code == -9:
            self.tally.kills[place] += 1
            return place
        if code != 0:
            self._note(folder, [f"error: a session ended with exit code {code}"], after=place)
        return ""

    def _place(self, *, is_new: bool) -> str:
        """The next failpoint in a random order; some can be passed in the first session only."""
        if not self._places:
            self._places = self._rng.sample(sorted(FAILPOINTS), k=len(FAILPOINTS))
        fitting = (name for name in self._places if is_new or not name.startswith(_ONCE))
        place = next(fitting, "store.after_end_commit")
        if place in self._places:
            self._places.remove(place)
        return place

    def _finish(self, folder: Path, settings: Sequence[str]) -> None:
        code = self._children.run(folder, settings=settings)
        if code != 0:
            self._note(folder, [f"error: undisturbed, it ended with exit code {code}"], after="no kill")

    def _note(self, folder: Path, problems: Iterator[str] | Sequence[str], *, after: str) -> None:
        try:
            self.tally.problems += [f"study {folder.name} after {after}: {problem}" for problem in problems]
        except Exception as error:  # noqa: BLE001 - a store that can't be read is what this looks for
            self.tally.problems.append(f"study {folder.name} after {after}: unreadable: {error!r}")

    def _count(self, folder: Path) -> None:
        kinds = Counter(line["kind"] for line in read_lines(folder / "ledger.jsonl"))
        self.tally.num_studies += 1
        self.tally.num_acknowledged += kinds["acknowledged"]
        self.tally.num_epochs += kinds["trained"]
        self.tally.num_redone += num_redone(folder)


@contextmanager
def _in_memory() -> Iterator[Path]:
    """A folder in memory where there is one: a SIGKILL takes nothing back that was written, and fsync is free there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="archfront-faults-") as folder:
        yield Path(folder)
