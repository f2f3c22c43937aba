"""What is searched in ResNet: its axes, their defaults and the default spaces."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.architecture import Task
from search_spaces.axes import Axis, Entry
from search_spaces.family import SMALL_IMAGE_SIZE, STEM_RULE
from search_spaces.parameters import ChoiceParameter, Condition, IntParameter, Value
from search_spaces.resnet.architecture import MAX_STAGES, ResNetArchitecture
from search_spaces.rules import WholeNumber

_RULES = ResNetArchitecture.rules
_BOTTLENECKS = Condition(parameter="block", values=("bottleneck",))

AXES: Mapping[str, Axis] = {
    "stem": Axis(rule=STEM_RULE, meaning="first convolution: imagenet, cifar, or auto by the size of the image"),
    "block": Axis(rule=_RULES["block"], meaning="basic or bottleneck"),
    "depths": Axis(rule=_RULES["depths"], meaning="blocks in each stage, as a list", excludes=("num_stages", "depth")),
    "num_stages": Axis(rule=WholeNumber(1, MAX_STAGES), meaning="stages", excludes=("depths",)),
    "depth": Axis(rule=WholeNumber(1, 64), meaning="blocks of a stage", repeats="num_stages", excludes=("depths",)),
    "base_width": Axis(
        rule=WholeNumber(1, 512), meaning="channels of the first stage; each doubles them", excludes=("widths", "width")
    ),
    "widths": Axis(
        rule=_RULES["widths"], meaning="channels of each stage, as a list", excludes=("base_width", "width")
    ),
    "width": Axis(
        rule=WholeNumber(1, 2048),
        meaning="channels of a stage",
        repeats="num_stages",
        excludes=("base_width", "widths"),
    ),
    "groups": Axis(rule=_RULES["groups"], meaning="groups of a bottleneck's 3x3 convolution", condition=_BOTTLENECKS),
    "width_per_group": Axis(
        rule=_RULES["width_per_group"], meaning="channels of a group where the width is 64", condition=_BOTTLENECKS
    ),
    "shortcut": Axis(rule=_RULES["shortcut"], meaning="projection or padding, where the shape changes"),
}


def defaults(task: Task) -> Mapping[str, Value]:
    """ResNet-18, or a network of 70 thousand parameters where images are small."""
    small = task.image_size <= SMALL_IMAGE_SIZE
    return {
        "stem": "auto",
        "block": "basic",
        "depths": (1, 1, 1) if small else (2, 2, 2, 2),
        "num_stages": 3 if small else 4,
        "depth": 1 if small else 2,
        "base_width": 16 if small else 64,
        "groups": 1,
        "width_per_group": 64,
        "shortcut": "projection",
    }


def default_entries(task: Task) -> Mapping[str, Entry]:
    """What is searched where a study says nothing; widths are multiples of 8, as growth rates are."""
    if task.image_size <= SMALL_IMAGE_SIZE:
        return _small_entries()
    return {
        "block": ChoiceParameter(name="block", choices=("basic", "bottleneck")),
        "num_stages": 4,
        "depth_1": IntParameter(name="depth_1", low=1, high=3),
        "depth_2": IntParameter(name="depth_2", low=1, high=8),
        "depth_3": IntParameter(name="depth_3", low=1, high=36),
        "depth_4": IntParameter(name="depth_4", low=1, high=3),
        "base_width": IntParameter(name="base_width", low=32, high=96, step=8),
    }


def _small_entries() -> dict[str, Entry]:
    return {
        "block": ChoiceParameter(name="block", choices=("basic", "bottleneck")),
        "num_stages": IntParameter(name="num_stages", low=2, high=3),
        "depth": IntParameter(name="depth", low=1, high=3),
        "width_1": IntParameter(name="width_1", low=8, high=32, step=8),
        "width_2": IntParameter(name="width_2", low=8, high=48, step=8),
        "width_3": IntParameter(name="width_3", low=16, high=64, step=8),
    }
