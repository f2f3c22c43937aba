"""Axes of a chart: from figures to pixels, with ticks at round figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orchestrator.report.markup import Html, joined, tag

WIDTH, HEIGHT = 560, 380
LEFT, RIGHT, TOP, BOTTOM = 52, 548, 34, 338
"""Of the plotted area, in pixels."""


class Scale(Enum):
    """How figures are spread over an axis; LOG_ERROR spreads accuracies by the logarithm of their distance from 1."""

    LINEAR = "linear"
    LOG = "log"
    LOG_ERROR = "log_error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One axis; figures outside its range land on its ends.

    Attributes:
        start, end: the pixels of ``low`` and ``high``.
        is_whole: its figures are counted, so no tick stands between two of them.
    """

    low: float
    high: float
    start: float
    end: float
    scale: Scale = Scale.LINEAR
    is_whole: bool = False

    def at(self, value: float) -> float:
        """The pixel of a figure."""
        low, high = self._spread(self.low), self._spread(self.high)
        share = (self._spread(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round figures within the range."""
        if self.scale is Scale.LOG_ERROR:
            candidates = [
                0.0,
                0.5,
                0.8,
                *(1 - digit * 10.0**-power for power in range(1, 6) for digit in (1, 0.5, 0.2)),
            ]
        elif self.scale is Scale.LOG:
            candidates = _log_steps(self.low, self.high)
        else:
            candidates = _round_steps(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        inside = [round(tick, 12) for tick in candidates if self.low - slack <= tick <= self.high + slack]
        return [tick for tick in inside if tick.is_integer()] if self.is_whole else inside

    def _spread(self, value: float) -> float:
        match self.scale:
            case Scale.LINEAR:
                return value
            case Scale.LOG:
                return math.log10(value)
            case Scale.LOG_ERROR:
                return -math.log10(1.0 - value)


def axis_over(values: Sequence[float], *, start: float, end: float, scale: Scale = Scale.LINEAR) -> Axis:
    """An axis that holds all values, with a margin; a single value stands in its middle."""
    low, high = min(values), max(values)
    if scale is Scale.LOG:
        # Figures that differ in their last digits alone have one logarithm.
        factor = (high / low) ** 0.06 if high > low * (1 + 1e-9) else 2.0
        return Axis(low=low / factor, high=high * factor, start=start, end=end, scale=scale)
    margin = 0.06 * (high - low) or 0.05 * (abs(high) or 1.0)
    return Axis(low=low - margin, high=high + margin, start=start, end=end, scale=scale)


def frame(x_axis: Axis, y_axis: Axis, *, x_title: str, y_title: str) -> Html:
    """Grid, tick labels and titles; what each axis shows is said beside its end."""
    vertical = [_vertical(x_axis.at(value), short(value)) for value in x_axis.ticks()]
    horizontal = [_horizontal(y_axis.at(value), short(value)) for value in y_axis.ticks()]
    titles = [
        tag("text", y_title, x=0, y=16, class_="title"),
        tag("text", x_title, x=RIGHT, y=HEIGHT - 6, class_="title", text_anchor="end"),
    ]
    return tag("g", *vertical, *horizontal, *titles, class_="frame", aria_hidden="true")


def chart(name: str, *content: str, title: str, description: str, role: str = "img") -> Html:
    """An SVG that says what it shows to those who don't see it; ``name`` is unique in the page."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *content,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role=role,
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
    )


def short(value: float) -> str:
    """``20k``, ``1.5M``, ``0.98``."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def polyline(pixels: Sequence[tuple[float, float]], **attributes: object) -> Html:
    """A line through the points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    return tag("path", d=f"M{path}", **attributes)


def _vertical(x: float, label: str) -> Html:
    line = tag("line", x1=x, x2=x, y1=TOP, y2=BOTTOM)
    return joined([line, tag("text", label, x=x, y=BOTTOM + 17, text_anchor="middle")])


def _horizontal(y: float, label: str) -> Html:
    line = tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y)
    return joined([line, tag("text", label, x=LEFT - 7, y=y + 4, text_anchor="end")])


def _log_steps(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; powers alone over many decades, even steps within one."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if len(powers) <= 5 else (1,)
    steps = [digit * 10.0**power for power in powers[:: 1 + len(powers) // 10] for digit in digits]
    return steps if sum(low <= step <= high for step in steps) >= 3 else _round_steps(low, high)


def _round_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
