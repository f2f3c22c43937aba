"""The section on dimensions of the search space: which of them accuracy, parameters and latency depend on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from orchestrator.objectives import ACCURACY, LATENCY_MS, NUM_PARAMETERS
from orchestrator.records import TrialRecord
from orchestrator.report import wording
from orchestrator.report.importance import (
    MAX_TRIALS,
    MIN_EXPLAINED,
    MIN_TRIALS,
    Analysis,
    Dimension,
    Importance,
    analysis,
    exact_shares,
)
from orchestrator.report.markup import Html, tag
from orchestrator.report.tables import table
from orchestrator.report.view import StudyView, thinned

MAX_LEVELS = 6
"""Values of a dimension whose effect is written out; of more, evenly chosen ones."""

TRIALS_PER_DIMENSION = 3
"""COMPLETED trials that a family needs, and ``MIN_TRIALS`` at least."""

_COLUMNS = ("dimension", "accuracy", "parameters", "latency", "errors, relative to the mean, by value")
_BAR_WIDTH, _BAR_HEIGHT = 100, 12

_INTRODUCTION = (
    "Shares of the variance that a dimension explains, by itself or together with others, so that they may add up to "
    "more than 100 %. For them every dimension is drawn on its own from the values of the trials, whatever the search "
    "tried together. Accuracy counts as the logarithm of the error and has 95 % intervals; parameters are exact, and "
    "latency is as the front compares it."
)


def dimension_section(view: StudyView) -> tuple[Html, ...]:
    """A table for each family, or why there is none; empty before a trial is COMPLETED."""
    by_family = {family: [record for record in view.completed if record.family == family] for family in view.families}
    families = [_of_family(view, family, records) for family, records in by_family.items() if records]
    return (tag("p", _INTRODUCTION), *families) if families else ()


def dimensions_of(architectures: Sequence[dict[str, Any]], names: Sequence[str]) -> list[Dimension]:
    """Fields that differ; a list such as ``block_config`` by its length and by its mean. Equal ones are one."""
    columns: dict[tuple[int, ...], tuple[list[str], list[Hashable]]] = {}
    for name in names:
        for words, values in _columns(name, [architecture.get(name) for architecture in architectures]):
            found = columns.setdefault(_pattern(values), ([], values))
            found[0].append(words)
    return [
        Dimension(name=_name(words), values=tuple(values)) for words, values in columns.values() if len(set(values)) > 1
    ]


def _of_family(view: StudyView, family: str, records: Sequence[TrialRecord]) -> Html:
    chosen = thinned(records, MAX_TRIALS)
    architectures = [dict(record.architecture) for record in chosen]
    names = [name for name in architectures[0] if name in view.shown_fields[family]]
    dimensions = dimensions_of(architectures, names)
    return tag(
        "section",
        tag("h3", family, id=f"dimensions-{family}"),
        _table(view, chosen, dimensions, num_trials=len(records)),
        aria_labelledby=f"dimensions-{family}",
    )


def _table(
    view: StudyView, records: Sequence[TrialRecord], dimensions: Sequence[Dimension], *, num_trials: int
) -> Html:
    """Or why there is none."""
    errors = _log_errors(view, records)
    needed = max(MIN_TRIALS, TRIALS_PER_DIMENSION * len(dimensions))
    if len(records) < needed:
        there = wording.count(num_trials, "COMPLETED trial")
        which = f" for {wording.count(len(dimensions), 'dimension')}" if dimensions else ""
        return tag("p", f"Too few trials: {there}{which}, and {needed} are needed.", class_="empty")
    if len(set(errors)) < 2 or not dimensions:
        return tag("p", "Its trials differ in no dimension, or not in accuracy.", class_="empty")
    found = analysis(dimensions, errors)
    costs = {name: _cost_shares(view, records, dimensions, name) for name in (NUM_PARAMETERS, LATENCY_MS)}
    whole = "" if len(records) == num_trials else f", {len(records)} of them looked at"
    caption = f"{wording.count(num_trials, 'COMPLETED trial')}{whole}; {_explained(found)}"
    rows = [_row(one, [shares[one.name] for shares in costs.values()], found) for one in found.dimensions]
    return table(caption, _COLUMNS, rows, kind="dimensions")


def _explained(found: Analysis) -> str:
    share = _percent(max(0.0, found.explained))
    if found.explained < MIN_EXPLAINED:
        return f"the others predict {share} of the variance of one: they do not tell which dimension matters."
    return f"the others predict {share} of the variance of one."


def _row(one: Importance, costs: Sequence[float], found: Analysis) -> Html:
    is_told = found.explained >= MIN_EXPLAINED
    interval = tag("small", f" ({_percent(one.low)} to {_percent(one.high)})")
    effects = " · ".join(f"{_value(level)} \N{MULTIPLICATION SIGN}{10**effect:.2f}" for level, effect in _shown(one))
    return tag(
        "tr",
        tag("th", one.name, scope="row"),
        tag("td", _bar(one), _percent(one.share), interval) if is_told else tag("td", wording.NONE),
        *(tag("td", _percent(share)) for share in costs),
        tag("td", effects if is_told else wording.NONE),
    )


def _bar(one: Importance) -> Html:
    """The share and its interval; the figures stand beside it."""
    middle = _BAR_HEIGHT / 2
    low, high = (_BAR_WIDTH * min(1.0, share) for share in (one.low, one.high))
    return tag(
        "svg",
        tag("rect", x=0, y=1, width=_BAR_WIDTH * min(1.0, one.share), height=_BAR_HEIGHT - 2, class_="bar"),
        tag("line", x1=low, x2=high, y1=middle, y2=middle, class_="whisker"),
        viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}",
        class_="share",
        aria_hidden="true",
    )


def _shown(one: Importance) -> list[tuple[Hashable, float]]:
    effects = list(one.effects.items())
    return [*thinned(effects[:-1], MAX_LEVELS - 1), effects[-1]]


def _log_errors(view: StudyView, records: Sequence[TrialRecord]) -> list[float]:
    """Errors differ by factors: 0.99 is as far from 0.98 as 0.98 is from 0.96. Half an image is added to each count."""
    shares = [1.0 - record.value(ACCURACY) for record in records]
    num_images = view.num_validation
    half = 0.5 / num_images if num_images else 0.5 * min((share for share in shares if share > 0), default=1e-3)
    return [math.log10(share + half) for share in shares]


def _cost_shares(
    view: StudyView, records: Sequence[TrialRecord], dimensions: Sequence[Dimension], name: str
) -> dict[str, float]:
    return exact_shares(dimensions, [math.log10(max(view.value(record, name), 1e-9)) for record in records])


def _columns(name: str, values: Sequence[Any]) -> Iterator[tuple[str, list[Hashable]]]:
    words = name.replace("_", " ")
    if not all(isinstance(value, list | tuple) for value in values):
        yield words, [tuple(value) if isinstance(value, list) else value for value in values]
        return
    yield f"{words}: length", [len(value) for value in values]
    if all(isinstance(item, int | float) for value in values for item in value):
        yield f"{words}: mean", [round(sum(value) / max(1, len(value)), 6) for value in values]


def _pattern(values: Sequence[Hashable]) -> tuple[int, ...]:
    """Equal for columns that tell the same trials apart."""
    seen: dict[Hashable, int] = {}
    return tuple(seen.setdefault(value, len(seen)) for value in values)


def _name(words: Sequence[str]) -> str:
    """``depths, widths: length``."""
    endings = {word.partition(": ")[2] for word in words}
    if len(words) > 1 and len(endings) == 1:
        return f"{', '.join(word.partition(': ')[0] for word in words)}: {endings.pop()}".removesuffix(": ")
    return ", ".join(words)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _value(level: Hashable) -> str:
    if isinstance(level, bool):
        return "yes" if level else "no"
    return f"{level:.3g}" if isinstance(level, float) else str(level)
