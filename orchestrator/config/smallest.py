"""The smallest network of a family's space, from closed forms: corners first, then a descent, then samples."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.config.known_costs import known_costs
from orchestrator.config.settings import LatencySettings
from orchestrator.objectives import NUM_PARAMETERS
from search_spaces.architecture import Task
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, Parameter, Value
from search_spaces.registry import architecture
from search_spaces.space import FamilySpace, Point, draw

# A point costs 0.3 ms on small images and 1 to 6 ms on large ones; where something suits, the first is the last.
MAX_CORNERS = 200
NUM_SAMPLES = 30
MAX_POINTS = 400

Values = Mapping[str, Value]
"""A value for every axis, whether or not it is active."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Smallest:
    """What the search for a family's smallest network gave.

    Attributes:
        figures: the smallest of each bounded figure; empty where nothing can be built.
        exact: the figures of which nothing in the space has less.
        refusal: why the first point that can't be built can't be built.
    """

    figures: Mapping[str, int]
    exact: frozenset[str]
    refusal: ArchitectureError | None


def find_smallest(
    space: FamilySpace, task: Task, bounds: Mapping[str, float], latency: LatencySettings | None = None
) -> Smallest:
    """Looks for networks within the bounds of known costs, and stops as soon as each bound is met by one.

    Corners are ranges at their low end, with every choice where these are few. Few corners are exact, unless the
    descent from the best of them along every axis, or a sample, finds less: another stage halves the image, and
    may so save more MACs than it costs.
    """
    search = _Search(space, task, bounds, latency or LatencySettings())
    exact: frozenset[str] = frozenset()
    if not search.look_at_all(_corners(space)):
        after_corners = dict(search.smallest)
        # A fixed seed: the same file gets the same answer.
        rng = random.Random(0)
        samples = ({one.name: draw(one, rng) for one in space.parameters} for _ in range(NUM_SAMPLES))
        is_over = search.descend() or search.look_at_all(samples)
        if not is_over and search.num_left > 0 and _num_corners(space) <= MAX_CORNERS:
            exact = frozenset(name for name, figure in search.smallest.items() if figure == after_corners[name])
    built = {name: int(figure) for name, figure in search.smallest.items() if math.isfinite(figure)}
    return Smallest(figures=built, exact=exact, refusal=search.refusal)


class _Search:
    """What has been seen of a space so far."""

    def __init__(self, space: FamilySpace, task: Task, bounds: Mapping[str, float], latency: LatencySettings) -> None:
        self._space = space
        self._task = task
        self._latency = latency
        self._bounds = {name: bounds.get(name, math.inf) for name in [*bounds] or [NUM_PARAMETERS]}
        self._best: dict[str, Values] = {}
        self.num_left = MAX_POINTS
        self.smallest = dict.fromkeys(self._bounds, math.inf)
        self.refusal: ArchitectureError | None = None

    def look_at_all(self, candidates: Iterator[Values]) -> bool:
        """Whether every bound is met by one of them, or by one that was seen before."""
        return any(self._look_at(values) for values in itertools.islice(candidates, self.num_left))

    def descend(self) -> bool:
        """Changes one axis at a time, to either end or to any choice, while that makes a network smaller."""
        for name in self._bounds:
            before = math.inf
            while self.smallest[name] < before:
                before = self.smallest[name]
                changes = (
                    {**self._best[name], one.name: value} for one in self._space.parameters for value in _extremes(one)
                )
                if self.look_at_all(changes):
                    return True
        return False

    def _look_at(self, values: Values) -> bool:
        self.num_left -= 1
        point = Point(family=self._space.family, values=self._space.resolve(lambda _name, one: values[one.name]))
        try:
            one = architecture(point, self._task)
        except ArchitectureError as error:
            self.refusal = self.refusal or error
            return False
        costs = known_costs(one.layers(self._task.image_size), self._latency)
        for name in self._bounds:
            figure = costs[name]
            if figure < self.smallest[name]:
                self.smallest[name], self._best[name] = figure, values
        return all(self.smallest[name] <= bound for name, bound in self._bounds.items())


def _corners(space: FamilySpace) -> Iterator[Values]:
    """All choices where they are few, else the smallest of each and every change of one."""
    options = {one.name: _options(one) for one in space.parameters}
    if _num_corners(space) <= MAX_CORNERS:
        for combination in itertools.product(*options.values()):
            yield dict(zip(options, combination, strict=True))
        return
    base = {name: values[0] for name, values in options.items()}
    yield base
    changes = ({**base, name: value} for name, values in options.items() for value in values[1:])
    yield from itertools.islice(changes, MAX_CORNERS)


def _num_corners(space: FamilySpace) -> int:
    return math.prod(len(_options(one)) for one in space.parameters)


def _options(parameter: Parameter) -> list[Value]:
    """What an axis has at a corner, the small first."""
    return sorted(parameter.choices, key=_size) if isinstance(parameter, ChoiceParameter) else [parameter.low]


def _extremes(parameter: Parameter) -> list[Value]:
    return _options(parameter) if isinstance(parameter, ChoiceParameter) else [parameter.low, parameter.high]


def _size(value: Value) -> float:
    if isinstance(value, tuple):
        return sum(value)
    return 0.0 if isinstance(value, str) else float(value)
