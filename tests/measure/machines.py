"""A machine of known speed: networks take the time they are said to take, and no time passes otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.measure.protocol import Reading, Run, Timer


@dataclass
class SimulatedMachine:
    """Its clock moves only while a network runs.

    Attributes:
        slowdown: by which a network that starts at this second is slower.
        interruption: of a repetition: its share of being interrupted, and how many milliseconds are lost by one.
        knows_lost_time: whether its clocks tell how many those were.
        page_fault: of a repetition: its share of waiting for memory, and for how many milliseconds.
        noise: relative standard deviation of every repetition.
    """

    slowdown: Callable[[float], float] = lambda _now_s: 1.0
    interruption: tuple[float, float] = (0.0, 0.0)
    knows_lost_time: bool = True
    page_fault: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    now_s: float = 0.0
    calls: list[str] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def timer(self) -> Timer:
        return Timer(now_s=lambda: self.now_s, read=self._read)

    def network(self, duration_ms: float, *, name: str = "") -> Run:
        def run() -> None:
            self.calls.append(name)
            noise = 1.0 + self.noise * abs(self.rng.gauss(0.0, 1.0))
            self.now_s += duration_ms / 1e3 * self.slowdown(self.now_s) * noise

        return run

    def _read(self, run: Run) -> Reading:
        start_s = self.now_s
        run()
        is_interrupted, is_faulty = (self.rng.random() < share for share, _ in (self.interruption, self.page_fault))
        lost_ms = is_interrupted * self.interruption[1]
        self.now_s += (lost_ms + is_faulty * self.page_fault[1]) / 1e3
        return Reading(
            duration_ms=(self.now_s - start_s) * 1e3,
            lost_ms=lost_ms if self.knows_lost_time else None,
            num_interruptions=int(is_interrupted),
            num_page_faults=int(is_faulty),
        )
