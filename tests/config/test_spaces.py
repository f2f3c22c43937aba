from __future__ import annotations

from search_spaces.architecture import Task
from search_spaces.parameters import ChoiceParameter, FloatParameter, IntParameter, Parameter
from search_spaces.registry import get_family
from tests.config.conftest import Read

DIGITS = Task(in_channels=1, num_classes=10, image_size=8)


def _axis(read: Read, text: str) -> Parameter:
    (axis,) = read(f"[space.densenet]\n{text}").config.space["densenet"].parameters
    return axis


def test_a_range_of_whole_numbers_is_an_axis(read: Read) -> None:
    axis = _axis(read, "growth_rate = {low = 8, high = 24, step = 8}")
    assert axis == IntParameter(name="growth_rate", low=8, high=24, step=8)


def test_a_log_range_is_an_axis(read: Read) -> None:
    assert _axis(read, "growth_rate = {low = 8, high = 24, log = true}") == IntParameter(
        name="growth_rate", low=8, high=24, log=True
    )


def test_an_axis_of_real_numbers_is_real_even_between_whole_ends(read: Read) -> None:
    axis = read("[space.mobilenet]\nwidth_mult = {low = 1, high = 2}").config.space["mobilenet"].parameters[0]
    assert axis == FloatParameter(name="width_mult", low=1.0, high=2.0)
    assert isinstance(axis, FloatParameter)
    assert isinstance(axis.low, float)


def test_a_list_is_choices(read: Read) -> None:
    assert _axis(read, "bn_size = [0, 4]") == ChoiceParameter(name="bn_size", choices=(0, 4))


def test_a_list_of_lists_is_choices_of_an_axis_that_holds_lists(read: Read) -> None:
    axis = _axis(read, "block_config = [[2, 2], [3, 3, 3]]")
    assert axis == ChoiceParameter(name="block_config", choices=((2, 2), (3, 3, 3)))


def test_a_list_is_one_value_of_an_axis_that_holds_lists(read: Read) -> None:
    space = read("[space.densenet]\nblock_config = [2, 3]\ngrowth_rate = 12").config.space["densenet"]
    assert not space.parameters
    assert (space.fixed["block_config"], space.fixed["growth_rate"]) == ((2, 3), 12)


def test_an_axis_of_each_block_is_searched_block_by_block(read: Read) -> None:
    space = read("[space.densenet]\nnum_blocks = [2, 3]\nnum_layers = {low = 1, high = 4}").config.space["densenet"]
    assert [axis.name for axis in space.parameters] == ["num_blocks", "num_layers_1", "num_layers_2", "num_layers_3"]


def test_an_empty_table_is_the_default_space(read: Read) -> None:
    space = read("[space.resnet]").config.space
    assert space.families == (get_family("resnet").default_space(DIGITS),)


def test_no_table_is_the_default_space_of_our_three_families(read: Read) -> None:
    space = read('[data]\nname = "digits"').config.space
    assert [one.family for one in space.families] == ["densenet", "resnet", "mobilenet"]
    assert all(one == get_family(one.family).default_space(DIGITS) for one in space.families)


def test_families_have_one_order_however_they_are_written(read: Read) -> None:
    first = read("[space.densenet]\n[space.resnet]").config.space
    assert read("[space.resnet]\n[space.densenet]").config.space == first


def test_a_step_that_misses_the_end_of_its_range_is_a_warning(read: Read) -> None:
    loaded = read("[space.densenet]\ngrowth_rate = {low = 8, high = 48, step = 7}")
    assert loaded.warnings == ("study.toml:2: space.densenet.growth_rate.step = 7: range 8..48 ends at 43, not at 48",)
    assert not read("[space.densenet]\ncompression = {low = 0.1, high = 0.7, step = 0.1}").warnings
