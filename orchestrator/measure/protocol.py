"""The measuring loop: blocks of repetitions, interleaved with a reference network, until each median is known tightly.

Every block of a candidate stands between two blocks of the reference network, which tell how fast the machine was just
then. A repetition during which the kernel took the core away is rejected.
"""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.measure.estimate import MIN_BLOCKS, Block, Estimate, estimate, full_speed_ms

Run = Callable[[], object]
"""One forward pass."""

TIGHT_HALF_WIDTH = 0.02
"""A candidate is done when its interval reaches no further from the median than this share of it."""

# A visit lasts about this long, between 1 and 5 repetitions; with several, one before them brings the weights back into
# the caches (it takes 1.15 times as long, measured) and is not counted.
_BLOCK_MS = 10.0
_MAX_REPETITIONS = 5
# A repetition that was interrupted is made again, up to this many times in a block.
_MAX_RETRIES = 3
_WARM_UP_TOLERANCE = 0.05
_MAX_WARM_UPS = 10
# Intervals are looked at when the number of rounds has grown by this factor: looking costs more than a round.
_PATIENCE = 1.25
# No measurement ends before this share of its time: a virtual core can be slow for seconds, and look steady.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """What the loop reads.

    Attributes:
        now_s: monotonic seconds.
        num_interruptions: how often the kernel has taken the core from this program so far.
    """

    now_s: Callable[[], float]
    num_interruptions: Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """How long a measurement goes on.

    Attributes:
        time_limit_s: for all candidates together, warm-up included.
        min_rounds: blocks that every candidate gets, whatever they take.
        seed: of the order within rounds and of the resampling.
    """

    time_limit_s: float
    min_rounds: int
    seed: int


def system_timer(*, num_threads: int) -> Timer:
    """The machine's own clock and counters: of the calling thread, where no other one computes."""
    thread = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # the former exists on Linux only
    who = thread if num_threads == 1 else resource.RUSAGE_SELF
    return Timer(now_s=time.perf_counter, num_interruptions=lambda: resource.getrusage(who).ru_nivcsw)


def measure(runs: Sequence[Run], reference: Run, *, timer: Timer, schedule: Schedule) -> tuple[Estimate, ...]:
    """Times every run until its interval is tight or the time is over."""
    return _Session(runs, reference, timer=timer, schedule=schedule).estimates()


@dataclass(slots=True)
class _Candidate:
    run: Run
    num_repetitions: int
    blocks: list[Block] = field(default_factory=list)
    is_done: bool = False


class _Session:
    """One measurement of several candidates."""

    def __init__(self, runs: Sequence[Run], reference: Run, *, timer: Timer, schedule: Schedule) -> None:
        self._runs = runs
        self._reference_run = reference
        self._timer = timer
        self._schedule = schedule
        self._reference_ms: list[float] = []

    def estimates(self) -> tuple[Estimate, ...]:
        start_s = self._timer.now_s()
        deadline_s = start_s + self._schedule.time_limit_s
        least_s = start_s + self._schedule.time_limit_s * _LEAST_SHARE
        reference = self._warmed_up(self._reference_run)
        candidates = [self._warmed_up(run) for run in self._runs]
        self._reference_ms.append(self._block_ms(reference)[0])
        rng = random.Random(self._schedule.seed)
        num_rounds, next_look = 0, MIN_BLOCKS
        while open_ones := [one for one in candidates if not one.is_done]:
            rng.shuffle(open_ones)
            for one in open_ones:
                if num_rounds >= self._schedule.min_rounds and self._timer.now_s() >= deadline_s:
                    return tuple(self._estimate(one) for one in candidates)
                self._visit(one, reference)
            num_rounds += 1
            if num_rounds >= next_look and self._timer.now_s() >= least_s:
                next_look = int(num_rounds * _PATIENCE) + 1
                self._close_tight(open_ones)
        return tuple(self._estimate(one) for one in candidates)

    def _visit(self, candidate: _Candidate, reference: _Candidate) -> None:
        median_ms, num_repetitions = self._block_ms(candidate)
        self._reference_ms.append(self._block_ms(reference)[0])
        before_ms, after_ms = self._reference_ms[-2:]
        block = Block(median_ms=median_ms, num_repetitions=num_repetitions, reference_ms=(before_ms, after_ms))
        candidate.blocks.append(block)

    def _close_tight(self, candidates: Sequence[_Candidate]) -> None:
        for one in candidates:
            now = self._estimate(one)
            one.is_done = now.half_width <= TIGHT_HALF_WIDTH and not now.is_contended

    def _estimate(self, candidate: _Candidate) -> Estimate:
        baseline_ms = full_speed_ms(self._reference_ms)
        return estimate(candidate.blocks, baseline_ms=baseline_ms, seed=self._schedule.seed)

    def _warmed_up(self, run: Run) -> _Candidate:
        """Runs until two repetitions in a row take the same time."""
        before_ms, _ = self._repetition(run)
        for _ in range(_MAX_WARM_UPS):
            now_ms, _ = self._repetition(run)
            if abs(now_ms - before_ms) <= _WARM_UP_TOLERANCE * before_ms:
                break
            before_ms = now_ms
        fitting = int(_BLOCK_MS / max(now_ms, 1e-6))
        return _Candidate(run=run, num_repetitions=max(1, min(fitting, _MAX_REPETITIONS)))

    def _block_ms(self, candidate: _Candidate) -> tuple[float, int]:
        """The median in milliseconds and the number of undisturbed repetitions; 0 where every one was interrupted."""
        if candidate.num_repetitions > 1:
            self._repetition(candidate.run)
        clean: list[float] = []
        interrupted: list[float] = []
        while len(clean) < candidate.num_repetitions and len(interrupted) <= _MAX_RETRIES:
            duration_ms, is_interrupted = self._repetition(candidate.run)
            (interrupted if is_interrupted else clean).append(duration_ms)
        return statistics.median(clean or interrupted), len(clean)

    def _repetition(self, run: Run) -> tuple[float, bool]:
        """How many milliseconds it took, and whether the core was taken away meanwhile."""
        num_before = self._timer.num_interruptions()
        start_s = self._timer.now_s()
        run()
        end_s = self._timer.now_s()
        return (end_s - start_s) * 1e3, self._timer.num_interruptions() > num_before
