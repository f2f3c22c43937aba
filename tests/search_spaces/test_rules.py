"""Rules: what is accepted takes its one form, what is refused says why."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search_spaces import get_family, list_families
from search_spaces.errors import ArchitectureError
from search_spaces.rules import Flag, Number, OneOf, OneOrEach, Rule, WholeNumber, WholeNumbers

BLOCKS = WholeNumbers(6, 1, 64, each="block", of="layers")
SHARE = Number(0, 1, open_low=True)


@pytest.mark.parametrize(
    ("rule", "value", "form"),
    [
        (WholeNumber(1, 8), 8, 8),
        (WholeNumber(1, 8), np.int64(3), 3),
        (SHARE, 1, 1.0),
        (SHARE, np.float32(0.5), 0.5),
        (OneOf(("v1", "v2")), "v2", "v2"),
        (OneOf((3, 5)), 5, 5),
        (Flag(), False, False),
        (BLOCKS, [6, 12], (6, 12)),
        (OneOrEach(Number(1, 8), 3), 4, 4.0),
        (OneOrEach(Number(1, 8), 3), [4, 2.5], (4.0, 2.5)),
    ],
)
def test_values_take_one_form(rule: Rule, value: object, form: object) -> None:
    accepted = rule.accept("axis", value)
    assert accepted == form
    assert type(accepted) is type(form)


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (WholeNumber(1, 8), 0, "axis = 0: must be at least 1 and at most 8"),
        (WholeNumber(1, 8), 9, "axis = 9: must be at least 1 and at most 8"),
        (WholeNumber(1, 8), 2.0, "axis = 2.0: must be a whole number"),
        (WholeNumber(1, 8), True, "axis = true: must be a whole number"),
        (WholeNumber(1, 8), "8", 'axis = "8": must be a whole number'),
        (WholeNumber(1, 8), None, "axis = null: must be a whole number"),
        (SHARE, 0, "axis = 0: must be in (0, 1]"),
        (SHARE, 1.5, "axis = 1.5: must be in (0, 1]"),
        (SHARE, math.nan, "axis = NaN: must be in (0, 1]"),
        (SHARE, math.inf, "axis = Infinity: must be in (0, 1]"),
        (SHARE, True, "axis = true: must be a number"),
        (Number(0, 1, open_high=True), 1.0, "axis = 1.0: must be in [0, 1)"),
        (OneOf(("v1", "v2")), "v4", 'axis = "v4": must be one of "v1", "v2"'),
        (OneOf((3, 5)), True, "axis = true: must be one of 3, 5"),
        (OneOf((3, 5)), [3], "axis = [3]: must be one of 3, 5"),
        (Flag(), 1, "axis = 1: must be true or false"),
        (BLOCKS, [], "axis = []: needs 1 to 6 blocks of 1 to 64 layers"),
        (BLOCKS, 6, "axis = 6: needs 1 to 6 blocks of 1 to 64 layers"),
        (BLOCKS, [0, 0], "axis = [0, 0]: needs 1 to 6 blocks of 1 to 64 layers"),
        (BLOCKS, [1] * 7, "axis = [1, 1, 1, 1, 1, 1, 1]: needs 1 to 6 blocks of 1 to 64 layers"),
        (BLOCKS, ["6"], 'axis = ["6"]: needs 1 to 6 blocks of 1 to 64 layers'),
        (OneOrEach(Number(1, 8), 3), [], "axis = []: needs 1 to 3 values, or one for all"),
        (OneOrEach(Number(1, 8), 3), [1, 0], "axis[1] = 0: must be in [1, 8]"),
    ],
)
def test_a_refusal_names_value_and_rule(rule: Rule, value: object, message: str) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        rule.accept("axis", value)
    assert refusal.value.message == message


def test_a_block_that_is_too_deep_is_pointed_out() -> None:
    with pytest.raises(ArchitectureError) as refusal:
        BLOCKS.accept("block_config", [6, 100_000])
    assert refusal.value.hint == "block 2 has 100,000 layers: give at most 64"


@pytest.mark.parametrize(
    ("rule", "value", "hint"),
    [
        (WholeNumber(1, 8), 0, "give at least 1"),
        (WholeNumber(1, 64), 100_000, "give at most 64"),
        (WholeNumber(1, 8), 2.5, "write it like 2"),
        (SHARE, 0, "write it like 0.5"),
        (SHARE, "half", "write it like 0.5"),
        (OneOf(("v1", "v2")), 4, 'write it like "v1"'),
        (Flag(), 1, "write it like true"),
        (BLOCKS, [], "write it like [2, 4]"),
        (BLOCKS, [0, 1], "block 1 has 0 layers: give at least 1"),
        (OneOrEach(OneOf((3, 5)), 3), [], "write it like 3"),
    ],
)
def test_a_refusal_ends_with_the_way_out(rule: Rule, value: object, hint: str) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        rule.accept("axis", value)
    assert refusal.value.hint == hint


@pytest.mark.parametrize("family", list_families())
def test_the_example_of_every_rule_is_accepted(family: str) -> None:
    described = get_family(family)
    rules = [*described.architecture_type.rules.values(), *(axis.rule for axis in described.axes.values())]
    for rule in [*rules, WholeNumbers(1, 1, 1, each="block", of="layers"), WholeNumber(5, 9)]:
        rule.accept("axis", rule.example)


def test_a_word_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(ArchitectureError) as refusal:
        OneOf(("imagenet", "cifar")).accept("stem", "imagnet")
    assert refusal.value.hint == 'did you mean "imagenet"?'


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ArchitectureError) as refusal:
        BLOCKS.accept("block_config", [1] * 1000)
    assert len(refusal.value.message) < 150
