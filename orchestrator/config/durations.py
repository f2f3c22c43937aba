"""Durations as a person writes them: ``90 s``, ``30 min``, ``2 h``, ``1.5 d``."""

from __future__ import annotations

import math
import re

PATTERN = r"\s*([0-9]+(?:\.[0-9]+)?)\s*(s|min|h|d)\s*"
"""A number and its unit."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration_s(text: str) -> float:
    """The seconds of ``"2 h"``.

    Raises:
        ValueError: it is no duration; the message says what is expected.
    """
    match = re.fullmatch(PATTERN, text)
    if match is None:
        raise ValueError('must be a duration such as "90 min"')
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0.0 < seconds < math.inf:
        raise ValueError(f"must be above 0 s and finite, got {seconds:g} s")
    return seconds
