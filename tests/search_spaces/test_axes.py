"""What a study says of a family becomes a space; what it can't mean is refused, all of it at once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from search_spaces import Task, get_family
from search_spaces.axes import Entry
from search_spaces.errors import ArchitectureError
from search_spaces.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter

DENSENET, RESNET = get_family("densenet"), get_family("resnet")


def span(low: int, high: int, step: int = 1) -> IntParameter:
    return IntParameter(name="", low=low, high=high, step=step)


def test_a_repeated_axis_becomes_one_for_each_block_that_may_exist(digits: Task) -> None:
    space = DENSENET.space({"num_layers": span(2, 6), "num_blocks": span(2, 4)}, digits)
    assert space.parameters == (
        IntParameter(name="num_blocks", low=2, high=4),
        IntParameter(name="num_layers_1", low=2, high=6),
        IntParameter(name="num_layers_2", low=2, high=6),
        IntParameter(name="num_layers_3", low=2, high=6, condition=Condition(parameter="num_blocks", values=(3, 4))),
        IntParameter(name="num_layers_4", low=2, high=6, condition=Condition(parameter="num_blocks", values=(4,))),
    )
    assert space.num_points == 5**2 + 5**3 + 5**4


def test_a_repeated_axis_follows_a_fixed_number_of_blocks(digits: Task) -> None:
    space = DENSENET.space({"num_blocks": 2, "num_layers": span(2, 6)}, digits)
    assert [parameter.name for parameter in space.parameters] == ["num_layers_1", "num_layers_2"]
    assert all(parameter.condition is None for parameter in space.parameters)


def test_a_repeated_axis_without_a_number_of_blocks_takes_the_default_number(digits: Task) -> None:
    space = DENSENET.space({"num_layers": span(2, 6)}, digits)
    assert len(space.parameters) == space.fixed["num_blocks"] == 3


def test_one_block_may_be_searched_by_itself(digits: Task) -> None:
    space = DENSENET.space({"num_blocks": 3, "num_layers": 2, "num_layers_3": span(4, 8)}, digits)
    assert [parameter.name for parameter in space.parameters] == ["num_layers_3"]
    architecture = DENSENET.architecture({**space.fixed, "num_layers_3": 5}, digits)
    assert architecture.to_dict()["block_config"] == [2, 2, 5]


def test_a_whole_configuration_may_be_a_choice(digits: Task) -> None:
    configs = ChoiceParameter(name="block_config", choices=((2, 2), (4, 4, 4)))
    space = DENSENET.space({"block_config": configs}, digits)
    assert space.parameters == (configs,)
    assert not {"num_blocks", "num_layers", "block_config"} & set(space.fixed)


def test_what_is_left_out_is_fixed_at_the_default(digits: Task) -> None:
    space = DENSENET.space({"growth_rate": span(8, 32, 8), "compression": 0.75}, digits)
    defaults = dict(DENSENET.defaults(digits))
    for name in ("growth_rate", "num_blocks", "num_layers"):
        del defaults[name]
    assert space.fixed == {**defaults, "compression": 0.75}


def test_the_order_of_axes_does_not_depend_on_the_order_in_the_file(digits: Task) -> None:
    entries: dict[str, Entry] = {"bn_size": 2, "num_layers": span(1, 3), "num_blocks": span(1, 3)}
    assert DENSENET.space(entries, digits) == DENSENET.space(dict(reversed(entries.items())), digits)


def test_an_axis_that_only_some_blocks_have_is_conditional(digits: Task) -> None:
    kinds = ChoiceParameter(name="block", choices=("basic", "bottleneck"))
    groups = ChoiceParameter(name="groups", choices=(1, 2))
    searched = RESNET.space({"groups": groups, "block": kinds}, digits)
    assert [parameter.name for parameter in searched.parameters] == ["block", "groups"]
    assert searched.parameters[1].condition == Condition(parameter="block", values=("bottleneck",))
    fixed = RESNET.space({"groups": groups, "block": "bottleneck"}, digits)
    assert fixed.parameters == (groups,)


@pytest.mark.parametrize(
    ("entries", "message", "hint"),
    [
        ({"grwoth_rate": 8}, "space.densenet.grwoth_rate: unknown axis", 'did you mean "growth_rate"?'),
        ({"growth_rate_1": 8}, "space.densenet.growth_rate_1: unknown axis", 'did you mean "growth_rate"?'),
        ({"num_layers_0": 8}, "space.densenet.num_layers_0: unknown axis", 'did you mean "num_layers"?'),
        ({"compression": 0}, "space.densenet.compression = 0: must be in (0, 1]", "write it like 0.5"),
        (
            {"growth_rate": span(0, 8)},
            "space.densenet.growth_rate.low = 0: must be at least 1 and at most 512",
            "give at least 1",
        ),
        (
            {"growth_rate": FloatParameter(name="", low=8.5, high=16)},
            "space.densenet.growth_rate.low = 8.5: must be a whole number",
            "write it like 2",
        ),
        (
            {"bn_size": ChoiceParameter(name="", choices=(2, 4, 99))},
            "space.densenet.bn_size = 99: must be at least 0 and at most 16",
            "give at most 16",
        ),
        (
            {"block_config": (2, 2), "num_layers": span(1, 2)},
            "space.densenet.block_config and num_layers say the same",
            "give one of them",
        ),
        (
            {"num_blocks": 2, "num_layers_3": span(1, 2)},
            "space.densenet.num_layers_3 has no effect: num_blocks is at most 2",
            "leave it out",
        ),
    ],
)
def test_a_refusal_says_where_and_why(entries: Mapping[str, Entry], message: str, hint: str, digits: Task) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        DENSENET.space(entries, digits)
    assert (refusal.value.message, refusal.value.hint) == (message, hint)


def test_an_axis_that_repeats_needs_its_number(digits: Task) -> None:
    with pytest.raises(ArchitectureError, match=r"space\.resnet\.width needs num_stages"):
        RESNET.space({"depths": (1, 1), "width": span(8, 16)}, digits)


@pytest.mark.parametrize("num_stages", [2, span(1, 2)])
def test_a_stage_that_is_left_out_where_there_is_no_default_is_named(num_stages: Entry, digits: Task) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        RESNET.space({"num_stages": num_stages, "width_1": span(8, 16)}, digits)
    assert refusal.value.message == "space.resnet.width_2 is missing"
    assert refusal.value.hint == "give it, or width for all that are left out"
    RESNET.space({"num_stages": num_stages, "width_1": span(8, 16), "width": 8}, digits)


def test_a_point_that_leaves_a_stage_out_is_refused(digits: Task) -> None:
    with pytest.raises(ArchitectureError, match="width_2 is missing"):
        RESNET.architecture({"num_stages": 2, "width_1": 8}, digits)


def test_values_that_say_the_same_twice_are_refused(digits: Task) -> None:
    with pytest.raises(ArchitectureError, match="densenet: block_config and num_blocks say the same"):
        DENSENET.architecture({"block_config": (2, 2), "num_blocks": 3}, digits)


def test_all_problems_are_told_at_once() -> None:
    entries: dict[str, Entry] = {"grwoth_rate": 8, "compression": 2, "bn_size": "four", "drop_rate": 0.1}
    assert len(DENSENET.problems(entries)) == 3
