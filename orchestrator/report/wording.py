"""Figures, durations and architectures as a reader of a report sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.records import LatencyConditions, TrialRecord
from orchestrator.selector.certainty import seeds_interval

NONE = "\N{EN DASH}"

_NOT_CHOSEN = frozenset({"schema_version", "family", "in_channels", "num_classes"})
"""Fields that the task decides and not the search."""

_SHORT_NAMES = {
    "growth_rate": "k",
    "block_config": "blocks",
    "compression": "θ",
    "bn_size": "bn",
    "num_init_features": "init",
    "width_mult": "\N{GREEK SMALL LETTER ALPHA}",
    "expand_ratio": "t",
}
"""The papers' symbols."""


def accuracy(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def macs(value: float) -> str:
    """In millions, at every size, so that a column can be compared at a glance."""
    return f"{_three_digits(value / 1e6)} M"


def latency(record: TrialRecord) -> str:
    """``1.23 ms (1.21 to 1.27)`` where it was measured, ``≈ 1.23 ms`` where it is predicted."""
    if record.latency is None:
        return f"≈ {_three_digits(record.predicted_latency_ms)} ms"
    found = record.latency
    interval = f"{_three_digits(found.low_ms)} to {_three_digits(found.high_ms)}"
    return f"{_three_digits(found.median_ms)} ms ({interval}{', contended' if found.is_contended else ''})"


def seeds(record: TrialRecord) -> str:
    """``0.9912 (0.9874 to 0.9950), n = 3``: mean accuracy of further trainings; the interval from two on."""
    found = [one.accuracy for one in record.seeds if one.accuracy is not None]
    if not found:
        return NONE
    if len(found) == 1:
        return f"{accuracy(found[0])}, n = 1"
    known = seeds_interval(found)
    return f"{accuracy(known.mean)} ({accuracy(known.low)} to {accuracy(known.high)}), n = {len(found)}"


def conditions(found: LatencyConditions) -> str:
    """Under which a latency holds, in one line."""
    shape = " x ".join(map(str, found.input_shape))
    threads = count(found.num_threads, "thread")
    version = found.onnxruntime_version
    runtime = f"{found.runtime} {version}" if version else f"{found.runtime}, torch {found.torch_version}"
    return f"{found.device}, {threads}, batch {found.batch_size} of {shape}, {found.dtype}, {runtime}"


def duration(seconds: float) -> str:
    """``41 s``, ``2 min 41 s``, ``3 h 12 min``."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def count(number: int, noun: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def architecture(fields: Mapping[str, Any], shown: Iterable[str]) -> str:
    """``k 12 · blocks 4-4-6 · θ 0.5``: the fields that are asked for, in the order of the architecture."""
    names = set(shown)
    parts = (
        f"{_SHORT_NAMES.get(name, name.replace('_', ' '))} {_value(fields[name])}" for name in fields if name in names
    )
    return " · ".join(parts) or NONE


def fields_that_differ(architectures: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """What tells the architectures of one family apart; every field that a search can choose where there is one."""
    everyone = list(architectures)
    names = {name for fields in everyone for name in fields} - _NOT_CHOSEN
    distinct = {name for name in names if len({repr(fields.get(name)) for fields in everyone}) > 1}
    return frozenset(distinct or names)


def first_line(message: str, *, most: int = 120) -> str:
    """The first line of a message, cut where it is long: torch's errors have dozens."""
    first = message.strip().partition("\n")[0].rstrip()
    return first if len(first) <= most else f"{first[: most - 1]}…"


def inline(value: Any) -> str:
    """Nested settings in one line, without those that are not set: ``name growth_rate, low 4, high 16``."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name} ({inline(item)})" if isinstance(item, Mapping) else f"{name} {inline(item)}"
            for name, item in value.items()
            if item is not None
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(inline, value)) or NONE
    return NONE if value in (None, "") else str(value)


def _three_digits(value: float) -> str:
    """``0.0412``, ``4.10``, ``1,234``: as many decimals as make three digits."""
    exponent = math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{min(max(0, 2 - exponent), 9)}f}"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
