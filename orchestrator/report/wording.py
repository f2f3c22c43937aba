"""Figures, durations and architectures as a reader of a report sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.objectives import LATENCY_MS, format_quantity
from orchestrator.records import TrialRecord

NONE = "–"

_NOT_CHOSEN = frozenset({"schema_version", "family", "in_channels", "num_classes"})
"""Fields that the task decides and not the search."""

_SHORT_NAMES = {"growth_rate": "k", "block_config": "blocks", "compression": "θ", "bn_size": "bn", "expand_ratio": "t"}
"""The papers' symbols."""


def accuracy(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def macs(value: float) -> str:
    """In millions, at every size, so that a column can be compared at a glance."""
    return f"{value / 1e6:,.3g} M" if value < 1e9 else f"{value / 1e6:,.0f} M"


def latency(record: TrialRecord) -> str:
    """``1.23 ms (1.21 to 1.27)`` where it was measured, ``≈ 1.23 ms`` where it is predicted."""
    if record.latency is None:
        return f"≈ {format_quantity(LATENCY_MS, record.predicted_latency_ms)}"
    found = record.latency
    contended = ", contended" if found.is_contended else ""
    return f"{format_quantity(LATENCY_MS, found.median_ms)} ({found.low_ms:.3g} to {found.high_ms:.3g}{contended})"


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
    parts = (f"{_SHORT_NAMES.get(name, name.replace('_', ' '))} {_value(fields[name])}" for name in fields if name in names)
    return " · ".join(parts) or NONE


def fields_that_differ(architectures: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """What tells the architectures of one family apart; every field that a search can choose where there is one."""
    everyone = list(architectures)
    names = {name for fields in everyone for name in fields} - _NOT_CHOSEN
    distinct = {name for name in names if len({repr(fields.get(name)) for fields in everyone}) > 1}
    return frozenset(distinct or names)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
