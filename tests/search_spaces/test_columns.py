"""Columns: arithmetic as with one number, questions with one answer, and points read into them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.columns import Column, alike, plain, read, taken
from search_spaces.errors import ArchitectureError
from search_spaces.many import Undecided, at_least, number_type, repeated
from search_spaces.mobilenet.architecture import round_channels
from search_spaces.rules import Number, OneOf, WholeNumber, WholeNumbers, is_whole

FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "sums and products": lambda size, factor: (size + 3) * size - 2 * size + 7 * factor,
    "quotients": lambda size, factor: size // 3 + size % 5 - -(-size // 16) + size / 4,
    "floor": lambda size, factor: math.floor(size * factor + 1e-9),
    "round": lambda size, factor: round(size * factor),
    "at_least": lambda size, factor: at_least(8, size) * at_least(1.0, factor),
    "round_channels": lambda size, factor: round_channels(size * factor),
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
@given(sizes=st.lists(st.integers(1, 2048), min_size=1, max_size=9), factor=st.floats(0.01, 4.0) | st.just(0.5))
def test_a_column_is_counted_with_as_each_of_its_numbers(
    formula: Callable[[Any, Any], Any], sizes: list[int], factor: float
) -> None:
    result_N = plain(formula(Column(np.array(sizes)), Column(np.full(len(sizes), factor))))
    expected = [formula(size, factor) for size in sizes]
    assert result_N.tolist() == expected
    assert {type(value) for value in result_N.tolist()} == {type(value) for value in expected}


def test_a_question_with_one_answer_is_answered() -> None:
    column = Column(np.array([4, 8]))
    assert column > 3
    assert not column > 8
    assert list(range(Column(np.array([2, 2])))) == [0, 1]


def test_a_question_with_two_answers_says_who_gives_which() -> None:
    column = Column(np.array([4, 8, 4]))
    with pytest.raises(Undecided) as question:
        bool(column > 4)
    assert question.value.answer_N.tolist() == [False, True, False]
    with pytest.raises(Undecided) as question:
        range(column)
    assert question.value.answer_N.tolist() == [True, False, True]


def test_a_loop_of_many_lengths_leaves_out_those_that_have_ended() -> None:
    rows = [(index, plain(repeats).tolist()) for index, repeats in repeated(Column(np.array([1, 3])))]
    assert rows == [(0, [1, 1]), (1, [0, 1]), (2, [0, 1])]
    assert list(repeated(2)) == [(0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("rule", "values", "passes"),
    [
        (WholeNumber(1, 8), [1, 8], True),
        (WholeNumber(1, 8), [9, 10], False),
        (WholeNumber(1, 8), [1.5, 2.5], False),
        (Number(0, 1, open_low=True), [0.5, 1.0], True),
        (Number(0, 4, open_low=True), [1, 4], True),
        (Number(0, 1, open_low=True), [-1.0, 0.0], False),
        (Number(0, 1), [math.nan, math.nan], False),
        (Number(0, 1), [math.inf, math.inf], False),
        (OneOf((3, 5)), [4, 7], False),
    ],
)
def test_a_rule_accepts_a_column_where_it_accepts_every_number(rule: Any, values: list[float], passes: bool) -> None:
    column = Column(np.array(values))
    if passes:
        assert plain(rule.accept("axis", column)).tolist() == values
        return
    with pytest.raises(ArchitectureError):
        rule.accept("axis", column)


def test_a_rule_that_accepts_some_numbers_of_a_column_asks_for_two() -> None:
    for rule, values in ((WholeNumber(1, 8), [8, 9]), (Number(0, 1), [0.5, 2.0]), (OneOf((3, 5)), [3, 5])):
        with pytest.raises(Undecided):
            rule.accept("axis", Column(np.array(values)))
    with pytest.raises(Undecided):
        WholeNumbers(3, 1, 4, each="block", of="layers").accept("axis", (2, Column(np.array([4, 5]))))


def test_a_column_knows_the_type_of_its_numbers() -> None:
    assert number_type(Column(np.array([1, 2]))) is int
    assert number_type(Column(np.array([0.5, 2]))) is float
    assert is_whole(Column(np.array([1, 2])))
    assert not is_whole(Column(np.array([1.0, 2.0])))


def test_points_are_read_as_columns_of_what_differs_in_size_alone() -> None:
    points: list[dict[str, Any]] = [
        {"stem": "cifar", "growth_rate": 8, "block_config": (1, 2)},
        {"stem": "cifar", "growth_rate": 8, "block_config": (1, 3)},
        {"stem": "imagenet", "growth_rate": 8, "block_config": (1, 2)},
        {"stem": "cifar", "growth_rate": 8, "block_config": (1, 2, 3)},
        {"stem": "cifar", "growth_rate": 8.0, "block_config": (1, 2)},
        {"stem": "cifar", "growth_rate": 8},
        {"stem": "cifar", "growth_rate": 2**70, "block_config": (1, 2)},
    ]
    assert list(alike(points)) == [[0, 1], [2], [3], [4], [5], [6]]
    values = read(points[:2])
    assert (values["stem"], values["growth_rate"], values["block_config"][0]) == ("cifar", 8, 1)
    assert plain(values["block_config"][1]).tolist() == [2, 3]


def test_what_is_taken_of_a_column_is_a_number_where_all_agree() -> None:
    value = (Column(np.array([1, 2, 2])), "cifar", 0.5)
    assert taken(value, np.array([False, True, True])) == (2, "cifar", 0.5)
    assert plain(taken(value, np.array([True, True, False]))[0]).tolist() == [1, 2]
