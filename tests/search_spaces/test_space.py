"""Conditional spaces: an axis is asked for where it exists, and points are counted right."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import FamilySpace, SearchSpace
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter, Parameter, Value
from search_spaces.space import draw, grid

seeds = st.integers(0, 2**32)


@st.composite
def axes(draw_from: st.DrawFn) -> Parameter:
    """Any axis that can be drawn from."""
    low, length = draw_from(st.integers(1, 50)), draw_from(st.integers(0, 50))
    return draw_from(
        st.sampled_from(
            (
                IntParameter(name="a", low=low, high=low + length, step=draw_from(st.integers(1, 9))),
                IntParameter(name="a", low=low, high=low + length, log=True),
                FloatParameter(name="a", low=low / 10, high=(low + length) / 10),
                FloatParameter(name="a", low=low / 10, high=(low + length) / 10, step=0.1),
                FloatParameter(name="a", low=low / 10, high=(low + length) / 10, log=True),
            )
        )
    )


@st.composite
def family_spaces(draw_from: st.DrawFn) -> FamilySpace:
    """Small spaces in which each axis may depend on one before it."""
    parameters: list[Parameter] = []
    for index in range(draw_from(st.integers(1, 5))):
        condition = None
        if parameters and draw_from(st.booleans()):
            other = draw_from(st.sampled_from(parameters))
            values = draw_from(st.lists(st.sampled_from(list(grid(other))), min_size=1, unique=True))
            condition = Condition(parameter=other.name, values=tuple(values))
        high = draw_from(st.integers(0, 3))
        parameters.append(IntParameter(name=f"a{index}", low=0, high=high, condition=condition))
    return FamilySpace(family="toy", parameters=tuple(parameters), fixed={})


@given(axes(), seeds)
def test_what_is_drawn_lies_in_the_range(parameter: Parameter, seed: int) -> None:
    value = draw(parameter, random.Random(seed))
    assert not isinstance(parameter, ChoiceParameter)
    assert isinstance(value, int | float)
    assert parameter.low <= value <= parameter.high
    if math.isfinite(parameter.num_values) and not parameter.log:
        assert value in list(grid(parameter))


def test_a_log_range_is_uniform_in_the_logarithm() -> None:
    rng = random.Random(0)
    parameter = IntParameter(name="k", low=1, high=1023, log=True)
    drawn = [draw(parameter, rng) for _ in range(2000)]
    below = sum(value < 32 for value in drawn if isinstance(value, int))
    assert below == pytest.approx(1000, abs=100)
    assert {1, 2, 3} <= set(drawn)


@given(family_spaces())
def test_points_are_counted_as_brute_force_counts_them(space: FamilySpace) -> None:
    points = set()
    for combination in itertools.product(*(list(grid(parameter)) for parameter in space.parameters)):
        every = dict(zip((parameter.name for parameter in space.parameters), combination, strict=True))
        values = space.resolve(lambda _name, parameter, every=every: every[parameter.name])
        points.add(tuple(sorted(values.items())))
    assert space.num_points == len(points)


@given(family_spaces(), seeds)
def test_one_seed_gives_one_point(space: FamilySpace, seed: int) -> None:
    search_space = SearchSpace(families=(space,))
    assert search_space.sample(random.Random(seed)) == search_space.sample(random.Random(seed))


def test_an_axis_is_asked_for_only_where_its_condition_holds() -> None:
    depth = IntParameter(name="num_blocks", low=1, high=2)
    second = IntParameter(name="b2", low=5, high=6, condition=Condition(parameter="num_blocks", values=(2,)))
    space = SearchSpace(families=(FamilySpace(family="toy", parameters=(depth, second), fixed={"bn_size": 4}),))
    asked: list[str] = []

    def choose(name: str, parameter: Parameter) -> Value:
        asked.append(name)
        return next(grid(parameter))

    point = space.resolve(choose)
    assert asked == ["family", "toy.num_blocks"]
    assert point.values == {"bn_size": 4, "num_blocks": 1}
    assert space.num_points == 1 + 2


def test_a_space_with_a_continuous_axis_has_points_without_number() -> None:
    space = FamilySpace(family="toy", parameters=(FloatParameter(name="t", low=0.1, high=1.0),), fixed={})
    assert SearchSpace(families=(space,)).num_points == math.inf


def test_an_axis_that_is_given_twice_or_depends_on_nothing_is_refused() -> None:
    axis = IntParameter(name="k", low=1, high=2)
    orphan = IntParameter(name="k", low=1, high=2, condition=Condition(parameter="absent", values=(1,)))
    for parameters, fixed in (((axis, axis), {}), ((axis,), {"k": 1}), ((orphan,), {})):
        with pytest.raises(ArchitectureError):
            FamilySpace(family="toy", parameters=parameters, fixed=fixed)
