"""A machine of known speed: networks take the time they are said to take, and no time passes otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.measure.protocol import Run, Timer


@dataclass
class SimulatedMachine:
    """Its clock moves only while a network runs.

    Attributes:
        slowdown: by which a network that starts at this second is slower.
        interruption: of a repetition: its share of being interrupted, and how many milliseconds are lost by one.
        noise: relative standard deviation of every repetition.
    """

    slowdown: Callable[[float], float] = lambda _now_s: 1.0
    interruption: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    now_s: float = 0.0
    num_interruptions: int = 0
    calls: list[str] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def timer(self) -> Timer:
        return Timer(now_s=lambda: self.now_s, num_interruptions=lambda: self.num_interruptions)

    def network(self, duration_ms: float, *, name: str = "") -> Run:
        def run() -> None:
            self.calls.append(name)
            taken_ms = duration_ms * self.slowdown(self.now_s) * (1.0 + self.noise * abs(self.rng.gauss(0.0, 1.0)))
            if self.rng.random() < self.interruption[0]:
                self.num_interruptions += 1
                taken_ms += self.interruption[1]
            self.now_s += taken_ms / 1e3

        return run
