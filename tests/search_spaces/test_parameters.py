"""Axes refuse ranges that hold nothing, and count their values."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter
from search_spaces.space import grid


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IntParameter(name="k", low=32, high=8), "k: low 32 is above high 8"),
        (lambda: IntParameter(name="k", low=8, high=32, step=0), "k.step = 0: must be at least 1"),
        (lambda: IntParameter(name="k", low=0, high=8, log=True), "k.low = 0: a log range needs low > 0"),
        (lambda: IntParameter(name="k", low=1, high=8, step=2, log=True), "k: a log range has no step"),
        (lambda: FloatParameter(name="t", low=0.1, high=math.inf), "t: both ends must be finite numbers"),
        (lambda: FloatParameter(name="t", low=math.nan, high=1.0), "t: both ends must be finite numbers"),
        (lambda: FloatParameter(name="t", low=0.1, high=1.0, step=0.0), "t.step = 0.0: must be above 0"),
        (lambda: FloatParameter(name="t", low=0.1, high=1.0, step=0.1, log=True), "t: a log range has no step"),
        (lambda: ChoiceParameter(name="c", choices=()), "c: needs at least one choice"),
        (lambda: ChoiceParameter(name="c", choices=(4, 2, 4)), "c: choice 4 is listed twice"),
    ],
)
def test_an_impossible_axis_is_refused(make: Callable[[], Parameter], message: str) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        make()
    assert refusal.value.message == message


@given(low=st.integers(-20, 20), length=st.integers(0, 50), step=st.integers(1, 9))
def test_a_range_of_integers_counts_its_values(low: int, length: int, step: int) -> None:
    parameter = IntParameter(name="k", low=low, high=low + length, step=step)
    values = list(grid(parameter))
    assert len(values) == parameter.num_values
    assert all(low <= value <= low + length for value in values if isinstance(value, int))


@given(low=st.integers(0, 20), length=st.integers(0, 50), step=st.integers(1, 9))
def test_a_range_of_floats_counts_its_values_and_keeps_its_ends(low: int, length: int, step: int) -> None:
    parameter = FloatParameter(name="t", low=low / 10, high=(low + length) / 10, step=step / 10)
    values = list(grid(parameter))
    assert values == [round((low + index * step) / 10, 12) for index in range(length // step + 1)]
    assert len(values) == parameter.num_values


def test_a_continuous_axis_has_values_without_number() -> None:
    assert FloatParameter(name="t", low=0.1, high=1.0).num_values == math.inf
    assert FloatParameter(name="t", low=0.5, high=0.5).num_values == 1
    with pytest.raises(ArchitectureError):
        list(grid(FloatParameter(name="t", low=0.1, high=1.0)))
