"""The measuring loop: blocks of repetitions, interleaved with a reference network, until each median is known tightly.

Every block of a candidate stands between two blocks of the reference network, which tell how fast the machine was just
then; while it is slow, candidates wait. A repetition is disturbed when the kernel took the core away for long, or when
memory had to be fetched that it usually has: it is made again, and does not count.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.measure.estimate import MIN_BLOCKS, Block, Estimate, estimate, full_speed_ms, is_at_full_speed

Run = Callable[[], object]
"""One forward pass."""

TIGHT_HALF_WIDTH = 0.02
"""A candidate is done when its interval reaches no further from the median than this share of it."""

# A visit lasts about this long, between 1 and 5 repetitions; with several, one before them brings the weights back into
# the caches (it takes 1.15 times as long, measured) and is not counted.
_BLOCK_MS = 10.0
_MAX_REPETITIONS = 5
# A repetition that was disturbed is made again, up to this many times in a block.
_MAX_RETRIES = 3
# The kernel's own threads take a core for some 10 us hundreds of times a second: a network of 20 ms, which never runs
# without one of them, loses 0.1 % so; another program takes at least a slice of 3 ms (measured).
_LOST_SHARE = 0.01
_WARM_UP_TOLERANCE = 0.05
_NUM_ALIKE = 2
_MAX_WARM_UPS = 12
# While the machine is slow, the reference network is tried so often before a candidate gets its turn all the same.
_MAX_WAITS = 8
# Intervals are looked at when the number of rounds has grown by this factor: looking costs more than a round.
_PATIENCE = 1.25
# No measurement ends before this share of its time: a virtual core can be slow for seconds, and look steady.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One repetition as the machine's clocks and counters saw it.

    Attributes:
        duration_ms: from its start to its end.
        lost_ms: of that, while the core was taken away; None where that can't be known.
        num_interruptions: how often the kernel took the core away.
        num_page_faults: how often memory was not where it should be.
    """

    duration_ms: float
    lost_ms: float | None = None
    num_interruptions: int = 0
    num_page_faults: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """What the loop reads.

    Attributes:
        now_s: monotonic seconds.
        read: runs a network once.
    """

    now_s: Callable[[], float]
    read: Callable[[Run], Reading]


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


@dataclass(slots=True)
class _Candidate:
    """A network and what is known of it.

    Attributes:
        num_repetitions: that make a block.
        num_page_faults: that it has at the least, and so cannot do without.
    """

    run: Run
    num_repetitions: int
    num_page_faults: int
    blocks: list[Block] = field(default_factory=list)
    is_done: bool = False


class Session:
    """One measurement of several candidates: each is timed until its interval is tight or the time is over."""

    def __init__(
        self,
        runs: Sequence[Run],
        reference: Run,
        *,
        timer: Timer,
        schedule: Schedule,
        baseline_ms: float = math.inf,
    ) -> None:
        """``baseline_ms`` is what the reference network took at full speed in an earlier session of the process."""
        self._runs = runs
        self._reference_run = reference
        self._timer = timer
        self._schedule = schedule
        self._reference_ms: list[float] = []
        self._known_ms = baseline_ms

    @property
    def baseline_ms(self) -> float:
        """What the reference network takes while the machine is at full speed, as far as that was seen."""
        return min(self._known_ms, full_speed_ms(self._reference_ms))

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
        self._await_full_speed(reference)
        median_ms, num_repetitions = self._block_ms(candidate)
        self._reference_ms.append(self._block_ms(reference)[0])
        before_ms, after_ms = self._reference_ms[-2:]
        block = Block(median_ms=median_ms, num_repetitions=num_repetitions, reference_ms=(before_ms, after_ms))
        candidate.blocks.append(block)

    def _await_full_speed(self, reference: _Candidate) -> None:
        """A block of a slow phase would be rejected: the reference network finds out for less."""
        for _ in range(_MAX_WAITS):
            if is_at_full_speed(self._reference_ms[-1], self.baseline_ms):
                return
            self._reference_ms.append(self._block_ms(reference)[0])

    def _close_tight(self, candidates: Sequence[_Candidate]) -> None:
        for one in candidates:
            now = self._estimate(one)
            one.is_done = now.half_width <= TIGHT_HALF_WIDTH and not now.is_contended

    def _estimate(self, candidate: _Candidate) -> Estimate:
        return estimate(candidate.blocks, baseline_ms=self.baseline_ms, seed=self._schedule.seed)

    def _warmed_up(self, run: Run) -> _Candidate:
        """Runs until a few repetitions in a row take the same time."""
        readings = [self._timer.read(run) for _ in range(1 + _NUM_ALIKE)]
        while not _are_alike(readings[-1 - _NUM_ALIKE :]) and len(readings) < _MAX_WARM_UPS:
            readings.append(self._timer.read(run))
        fitting = int(_BLOCK_MS / max(readings[-1].duration_ms, 1e-6))
        return _Candidate(
            run=run,
            num_repetitions=max(1, min(fitting, _MAX_REPETITIONS)),
            num_page_faults=min(reading.num_page_faults for reading in readings),
        )

    def _block_ms(self, candidate: _Candidate) -> tuple[float, int]:
        """The median in milliseconds and the number of undisturbed repetitions.

        Where every one was disturbed, that number is 0, and the median that of the time that the core was there.
        """
        if candidate.num_repetitions > 1:
            self._timer.read(candidate.run)
        clean_ms: list[float] = []
        disturbed_ms: list[float] = []
        while len(clean_ms) < candidate.num_repetitions and len(disturbed_ms) <= _MAX_RETRIES:
            reading = self._timer.read(candidate.run)
            if _is_disturbed(reading, candidate):
                disturbed_ms.append(reading.duration_ms - (reading.lost_ms or 0.0))
            else:
                clean_ms.append(reading.duration_ms)
        return statistics.median(clean_ms or disturbed_ms), len(clean_ms)


def _is_disturbed(reading: Reading, candidate: _Candidate) -> bool:
    if reading.num_page_faults > candidate.num_page_faults:
        return True
    if not reading.num_interruptions:
        return False
    return reading.lost_ms is None or reading.lost_ms > _LOST_SHARE * reading.duration_ms


def _are_alike(readings: Sequence[Reading]) -> bool:
    durations_ms = [reading.duration_ms for reading in readings]
    return max(durations_ms) - min(durations_ms) <= _WARM_UP_TOLERANCE * min(durations_ms)
