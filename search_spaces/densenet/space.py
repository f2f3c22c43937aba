"""What is searched in DenseNet: its axes, their defaults and the default spaces."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.architecture import Task
from search_spaces.axes import Axis, Entry
from search_spaces.densenet.architecture import MAX_BLOCKS, DenseNetArchitecture
from search_spaces.family import SMALL_IMAGE_SIZE, STEM_RULE
from search_spaces.parameters import ChoiceParameter, IntParameter, Value
from search_spaces.rules import WholeNumber

_RULES = DenseNetArchitecture.rules
_BY_BLOCK = ("num_blocks", "num_layers")

AXES: Mapping[str, Axis] = {
    "stem": Axis(rule=STEM_RULE, meaning="first convolution: imagenet, cifar, or auto by the size of the image"),
    "growth_rate": Axis(rule=_RULES["growth_rate"], meaning="k: channels that each layer adds"),
    "block_config": Axis(rule=_RULES["block_config"], meaning="layers in each block, as a list", excludes=_BY_BLOCK),
    "num_blocks": Axis(rule=WholeNumber(1, MAX_BLOCKS), meaning="dense blocks", excludes=("block_config",)),
    "num_layers": Axis(
        rule=WholeNumber(1, 64), meaning="layers of a block", repeats="num_blocks", excludes=("block_config",)
    ),
    "compression": Axis(rule=_RULES["compression"], meaning="theta: share of its channels that a transition keeps"),
    "bn_size": Axis(rule=_RULES["bn_size"], meaning="width of the bottleneck in units of k; 0 for none"),
    "num_init_features": Axis(rule=_RULES["num_init_features"], meaning="channels of the first convolution"),
    "drop_rate": Axis(rule=_RULES["drop_rate"], meaning="dropout after each layer"),
    "memory_efficient": Axis(rule=_RULES["memory_efficient"], meaning="compute concatenations again, save memory"),
}


def defaults(task: Task) -> Mapping[str, Value]:
    """DenseNet-121, or a network of 60 thousand parameters where images are small."""
    small = task.image_size <= SMALL_IMAGE_SIZE
    num_blocks = _most_small_blocks(task) if small else 4
    return {
        "stem": "auto",
        "growth_rate": 16 if small else 32,
        "block_config": (3,) * num_blocks if small else (6, 12, 24, 16),
        "num_blocks": num_blocks,
        "num_layers": 3 if small else 12,
        "compression": 0.5,
        "bn_size": 4,
        "num_init_features": 32 if small else 64,
        "drop_rate": 0.0,
        "memory_efficient": False,
    }


def default_entries(task: Task) -> Mapping[str, Entry]:
    """What is searched where a study says nothing.

    Growth rates are multiples of 8: on bf16 they do 20-27 % more arithmetic a second than those beside them.
    """
    return _small_entries(task) if task.image_size <= SMALL_IMAGE_SIZE else _large_entries()


def _most_small_blocks(task: Task) -> int:
    """Three, or as many as the image can be halved between."""
    return min(3, task.image_size.bit_length())


def _small_entries(task: Task) -> dict[str, Entry]:
    most = _most_small_blocks(task)
    return {
        "growth_rate": IntParameter(name="growth_rate", low=8, high=24, step=8),
        "num_blocks": IntParameter(name="num_blocks", low=min(2, most), high=most),
        "num_layers": IntParameter(name="num_layers", low=1, high=4),
        "compression": ChoiceParameter(name="compression", choices=(0.5, 0.75, 1.0)),
        "bn_size": ChoiceParameter(name="bn_size", choices=(0, 2, 4)),
        "num_init_features": IntParameter(name="num_init_features", low=8, high=32, step=8),
    }


def _large_entries() -> dict[str, Entry]:
    return {
        "growth_rate": IntParameter(name="growth_rate", low=16, high=48, step=8),
        "num_blocks": 4,
        "num_layers_1": IntParameter(name="num_layers_1", low=4, high=8, step=2),
        "num_layers_2": IntParameter(name="num_layers_2", low=6, high=16, step=2),
        "num_layers_3": IntParameter(name="num_layers_3", low=12, high=48, step=4),
        "num_layers_4": IntParameter(name="num_layers_4", low=8, high=32, step=4),
        "compression": ChoiceParameter(name="compression", choices=(0.5, 0.75, 1.0)),
        "bn_size": ChoiceParameter(name="bn_size", choices=(2, 4)),
        "num_init_features": IntParameter(name="num_init_features", low=32, high=96, step=16),
    }
