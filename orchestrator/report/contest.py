"""Families at equal budgets: the best of each, who is ahead, what is too close to call, and which one to choose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from orchestrator.objectives import ACCURACY, LATENCY_MS, NUM_PARAMETERS, format_quantity
from orchestrator.records import TrialRecord
from orchestrator.report.view import StudyView
from orchestrator.selector.certainty import accuracy_interval, is_too_close

MAX_BUDGETS = 8
_FEW_BUDGETS = 4
_COARSE, _FINE = (1, 2, 5), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)

TITLES = {NUM_PARAMETERS: "parameters", LATENCY_MS: "latency"}
"""The figures that budgets are of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One budget: the best network of each family that keeps within it.

    Attributes:
        name, bound: the figure that is limited, and its limit.
        best: by family; None where it has no network so cheap.
        rivals: families that the leader is too close to call against.
    """

    name: str
    bound: float
    best: Mapping[str, TrialRecord | None]
    leader: str
    rivals: tuple[str, ...]

    @property
    def contenders(self) -> tuple[str, ...]:
        """Families of which none is known to be better than another one."""
        return (self.leader, *self.rivals)

    @property
    def is_contested(self) -> bool:
        """Whether more than one family has a network so cheap."""
        return sum(record is not None for record in self.best.values()) > 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """All budgets of all figures.

    Attributes:
        num_images: of the validation split; None where it is not known, and differences count as they are.
        choice: the family that fewest budgets speak against; None where there is only one, or none.
    """

    rounds: tuple[Round, ...]
    families: tuple[str, ...]
    num_images: int | None
    choice: str | None

    def of(self, name: str) -> list[Round]:
        return [one for one in self.rounds if one.name == name]


def contest(view: StudyView) -> Contest:
    """Holds the families of a study against each other; without rounds before a trial is COMPLETED."""
    num_images = view.num_validation
    rounds = tuple(one for name in TITLES for one in _rounds(view, name, num_images))
    families = tuple(family for family in view.families if any(one.best[family] is not None for one in rounds))
    return Contest(
        rounds=rounds,
        families=families,
        num_images=num_images,
        choice=max(families, key=lambda family: _merit(family, rounds)) if len(families) > 1 else None,
    )


def verdict(found: Contest) -> list[str]:
    """Which family to choose here and why, in sentences."""
    if found.choice is None:
        return [f"Only {found.families[0]} was trained: there is nothing to choose."] if found.families else []
    return [_choice(found), *(_course(found, name) for name in TITLES if found.of(name)), _caveat(found)]


def budgets(values: Sequence[float]) -> list[float]:
    """Up to eight round figures from the cheapest to the dearest value: 1, 2, 5 times a power of ten, or finer."""
    low, high = max(min(values), 1e-9), max(*values, 1e-9)
    coarse, fine = (_steps(low, high, digits) for digits in (_COARSE, _FINE))
    return coarse if len(coarse) >= _FEW_BUDGETS or len(fine) > MAX_BUDGETS else fine


def _steps(low: float, high: float, digits: Sequence[float]) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [round(digit * 10.0**power, 12) for power in powers for digit in digits]
    first = next(index for index, step in enumerate(steps) if step >= low * (1 - 1e-9))
    last = next((index for index, step in enumerate(steps) if step >= high * (1 - 1e-9)), len(steps) - 1)
    return steps[max(first, last - MAX_BUDGETS + 1) : last + 1]


def _rounds(view: StudyView, name: str, num_images: int | None) -> Iterator[Round]:
    if not view.completed:
        return
    for bound in budgets([view.value(record, name) for record in view.completed]):
        best = {family: _best_within(view, family, name, bound) for family in view.families}
        there = sorted(filter(None, best.values()), key=lambda record: (-_mean(record, num_images), record.number))
        if there:
            rivals = [record.family for record in there[1:] if _is_close(there[0], record, num_images)]
            yield Round(name=name, bound=bound, best=best, leader=there[0].family, rivals=tuple(rivals))


def _best_within(view: StudyView, family: str, name: str, bound: float) -> TrialRecord | None:
    inside = [record for record in view.completed if record.family == family and view.value(record, name) <= bound]
    return min(inside, key=lambda record: (-record.value(ACCURACY), record.number), default=None)


def _mean(record: TrialRecord, num_images: int | None) -> float:
    """Over further seeds where there are some: the search's own was chosen because it did well."""
    known = accuracy_interval(record, num_images)
    return record.value(ACCURACY) if known is None else known.mean


def _is_close(leader: TrialRecord, other: TrialRecord, num_images: int | None) -> bool:
    return _mean(leader, num_images) == _mean(other, num_images) or is_too_close(leader, other, num_images)


def _merit(family: str, rounds: Sequence[Round]) -> tuple[int, int]:
    """At how many budgets no other family is known to be better, then at how many it leads."""
    return sum(family in one.contenders for one in rounds), sum(family == one.leader for one in rounds)


def _choice(found: Contest) -> str:
    merits = {family: _merit(family, found.rounds) for family in found.families}
    total = len(found.rounds)
    unbeaten, led = merits[found.choice or ""]
    where = f"at all {total} budgets" if unbeaten == total else f"at {unbeaten} of {total} budgets"
    better = "more accurate" if found.num_images is None else "clearly better"
    others = ", ".join(f"{family}: {merits[family][0]}" for family in found.families if family != found.choice)
    even = "" if led == unbeaten else f" At {unbeaten - led} of them another one is ahead, but too close to call."
    return f"Choose {found.choice}: {where} no other family is {better} ({others}).{even}"


def _course(found: Contest, name: str) -> str:
    """Who leads from which budget on: ``By latency: resnet up to 0.2 ms, close to densenet; then densenet``."""
    stretches = [list(group) for _, group in groupby(found.of(name), key=lambda one: (one.leader, one.rivals))]
    first, last = stretches[0], stretches[-1]
    parts = [_stretch(one, is_first=one is first, is_last=one is last) for one in stretches]
    return f"By {TITLES[name]}: {'; '.join(parts)}."


def _stretch(rounds: Sequence[Round], *, is_last: bool, is_first: bool) -> str:
    last = rounds[-1]
    until = f"up to {format_quantity(last.name, last.bound)}"
    if is_last:
        until = "everywhere" if is_first else "beyond"
    if last.rivals:
        return f"{until} {last.leader}, too close to call against {_listed(last.rivals)}"
    return f"{until} {last.leader}{'' if last.is_contested else ', the only one there'}"


def _caveat(found: Contest) -> str:
    if found.num_images is None:
        return "Differences are taken as they are: on how many images they were counted is not known."
    return (
        f"Too close to call: the difference is within its 95 % interval, on the {found.num_images:,} images of the "
        "validation split or, where there are some, over further seeds. Without them another seed of the training "
        "would add to it. A family with more trials has had more chances."
    )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
