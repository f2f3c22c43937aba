"""What is searched in MobileNet: its axes, their defaults and the default spaces."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.architecture import Task
from search_spaces.axes import Axis, Entry
from search_spaces.family import SMALL_IMAGE_SIZE, STEM_RULE
from search_spaces.mobilenet.architecture import MAX_STAGES, MobileNetArchitecture
from search_spaces.parameters import ChoiceParameter, IntParameter, Value
from search_spaces.rules import Flag, Number, OneOf, WholeNumber

_RULES = MobileNetArchitecture.rules

AXES: Mapping[str, Axis] = {
    "stem": Axis(rule=STEM_RULE, meaning="first convolution: imagenet, cifar, or auto by the size of the image"),
    "version": Axis(rule=_RULES["version"], meaning="v1, v2 or v3"),
    "width_mult": Axis(rule=_RULES["width_mult"], meaning="alpha: factor to all channels"),
    "stem_width": Axis(rule=_RULES["stem_width"], meaning="channels of the first convolution"),
    "depths": Axis(rule=_RULES["depths"], meaning="blocks in each stage, as a list", excludes=("num_stages", "depth")),
    "num_stages": Axis(rule=WholeNumber(1, MAX_STAGES), meaning="stages", excludes=("depths",)),
    "depth": Axis(rule=WholeNumber(1, 64), meaning="blocks of a stage", repeats="num_stages", excludes=("depths",)),
    "widths": Axis(rule=_RULES["widths"], meaning="channels of each stage, as a list; may be longer than needed"),
    "strides": Axis(rule=_RULES["strides"], meaning="stride of each stage, as a list; may be longer than needed"),
    "expand_ratio": Axis(rule=Number(1, 16), meaning="t: expanded channels in units of a block's input"),
    "kernel_size": Axis(rule=OneOf((3, 5, 7)), meaning="side of the depthwise convolutions"),
    "squeeze_excite": Axis(rule=Flag(), meaning="whether channels are weighted by their means"),
    "num_relu_stages": Axis(rule=_RULES["num_relu_stages"], meaning="stages before hard-swish begins, in v3"),
    "last_width": Axis(rule=_RULES["last_width"], meaning="channels after the last stage"),
    "drop_rate": Axis(rule=_RULES["drop_rate"], meaning="dropout before the last linear layer"),
}


def defaults(task: Task) -> Mapping[str, Value]:
    """MobileNetV2, or a network of 40 thousand parameters where images are small."""
    small = task.image_size <= SMALL_IMAGE_SIZE
    preset = MobileNetArchitecture()
    return {
        "stem": "auto",
        "version": "v2",
        "width_mult": 1.0,
        "stem_width": 16 if small else preset.stem_width,
        "depths": (1, 2, 2) if small else preset.depths,
        "num_stages": 3 if small else 7,
        "depth": 2,
        "widths": (16, 24, 32, 64, 96, 160, 320) if small else preset.widths,
        "strides": (1, 2, 2, 2, 1, 2, 1) if small else preset.strides,
        "expand_ratio": 4.0 if small else 6.0,
        "kernel_size": 3,
        "squeeze_excite": False,
        "num_relu_stages": 0,
        "last_width": 128 if small else preset.last_width,
        "drop_rate": 0.0 if small else preset.drop_rate,
    }


def default_entries(task: Task) -> Mapping[str, Entry]:
    """What is searched where a study says nothing; channels are multiples of 8 at every ``width_mult``."""
    if task.image_size <= SMALL_IMAGE_SIZE:
        return {
            "width_mult": ChoiceParameter(name="width_mult", choices=(0.5, 0.75, 1.0, 1.5)),
            "num_stages": IntParameter(name="num_stages", low=2, high=4),
            "depth": IntParameter(name="depth", low=1, high=3),
            **_block_entries(),
        }
    return {
        "width_mult": ChoiceParameter(name="width_mult", choices=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4)),
        "num_stages": 7,
        "depth_1": 1,
        "depth_2": IntParameter(name="depth_2", low=1, high=3),
        "depth_3": IntParameter(name="depth_3", low=1, high=4),
        "depth_4": IntParameter(name="depth_4", low=2, high=5),
        "depth_5": IntParameter(name="depth_5", low=1, high=4),
        "depth_6": IntParameter(name="depth_6", low=1, high=4),
        "depth_7": 1,
        **_block_entries(),
    }


def _block_entries() -> dict[str, Entry]:
    return {
        "expand_ratio": ChoiceParameter(name="expand_ratio", choices=(2.0, 3.0, 4.0, 6.0)),
        "kernel_size": ChoiceParameter(name="kernel_size", choices=(3, 5)),
        "squeeze_excite": ChoiceParameter(name="squeeze_excite", choices=(False, True)),
    }
