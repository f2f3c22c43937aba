"""Identity: equal networks have one id, different networks have two; and the way to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import (
    Architecture,
    Task,
    architecture_from_dict,
    get_architecture,
    get_family,
    list_families,
    list_models,
)
from search_spaces.densenet.architecture import DenseNetArchitecture
from search_spaces.errors import ArchitectureError
from search_spaces.mobilenet.architecture import MobileNetArchitecture
from search_spaces.resnet.architecture import ResNetArchitecture

Sample = Callable[[str, Task, int], list[Architecture]]

EQUAL = [
    (DenseNetArchitecture(), DenseNetArchitecture(growth_rate=32, block_config=(6, 12, 24, 16), compression=0.5)),
    (DenseNetArchitecture(), DenseNetArchitecture(memory_efficient=True)),
    (DenseNetArchitecture(), DenseNetArchitecture(compression=0.5001)),
    (DenseNetArchitecture(block_config=(4,)), DenseNetArchitecture(block_config=(4,), compression=1.0)),
    (ResNetArchitecture(), ResNetArchitecture(groups=32, width_per_group=4)),
    (
        ResNetArchitecture(depths=(2,), widths=(64,)),
        ResNetArchitecture(depths=(2,), widths=(64,), shortcut="padding"),
    ),
    (
        ResNetArchitecture(block="bottleneck", depths=(1,), widths=(8,)),
        ResNetArchitecture(block="bottleneck", depths=(1,), widths=(8,), width_per_group=65),
    ),
    (MobileNetArchitecture(), MobileNetArchitecture(width_mult=0.99)),
    (MobileNetArchitecture(), MobileNetArchitecture(num_relu_stages=2)),
    (MobileNetArchitecture(), MobileNetArchitecture(kernel_size=(3,) * 7, squeeze_excite=(False,) * 7)),
    (MobileNetArchitecture(), MobileNetArchitecture(expand_ratio=(1.0, *[6.0] * 16))),
    (
        MobileNetArchitecture(version="v1"),
        MobileNetArchitecture(version="v1", expand_ratio=3, last_width=640),
    ),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_what_has_no_effect_is_no_part_of_the_identity(one: Architecture, other: Architecture) -> None:
    # What a layer keeps for the backward pass is how it is trained, and no part of what it is.
    layers, others = ([replace(layer, saved_bytes=0) for layer in each.layers(224)] for each in (one, other))
    assert layers == others
    assert one.architecture_id == other.architecture_id


DIFFERENT = {
    DenseNetArchitecture(): {
        "in_channels": 1,
        "num_classes": 10,
        "growth_rate": 16,
        "block_config": (6, 12, 24),
        "compression": 0.75,
        "bn_size": 0,
        "num_init_features": 32,
        "drop_rate": 0.1,
        "stem": "cifar",
    },
    ResNetArchitecture(block="bottleneck"): {
        "block": "basic",
        "depths": (3, 4, 6, 3),
        "widths": (32, 64, 128, 256),
        "groups": 2,
        "width_per_group": 128,
        "shortcut": "padding",
        "stem": "cifar",
    },
    MobileNetArchitecture(version="v3"): {
        "version": "v2",
        "width_mult": 0.5,
        "stem_width": 16,
        "depths": (1, 2, 3, 4, 3, 3, 2),
        "widths": (16, 24, 32, 64, 96, 160, 240),
        "strides": (1, 1, 2, 2, 1, 2, 1),
        "expand_ratio": 4,
        "kernel_size": 5,
        "squeeze_excite": True,
        "num_relu_stages": 2,
        "last_width": 640,
        "drop_rate": 0.1,
        "stem": "cifar",
    },
}


@pytest.mark.parametrize(
    ("architecture", "field", "value"),
    [(architecture, field, value) for architecture, fields in DIFFERENT.items() for field, value in fields.items()],
)
def test_what_has_an_effect_changes_the_identity(architecture: Architecture, field: str, value: Any) -> None:
    assert architecture.replace(**{field: value}).architecture_id != architecture.architecture_id


@pytest.mark.parametrize("family", list_families())
def test_one_id_means_equal_layers_and_two_ids_different_ones(family: str, task: Task, sample: Sample) -> None:
    by_id: dict[str, Any] = {}
    for architecture in sample(family, task, 100):
        layers = architecture.layers(task.image_size)
        assert by_id.setdefault(architecture.architecture_id, layers) == layers
    assert len(set(by_id.values())) == len(by_id)


def test_ids_stay_what_they_are() -> None:
    """Studies on disk hold them: a change here needs a new schema version."""
    presets = ("densenet121", "resnet50", "mobilenet_v3_small")
    assert {name: get_architecture(name).architecture_id for name in presets} == {
        "densenet121": "bfeea78ced7c",
        "resnet50": "09e74dd787b3",
        "mobilenet_v3_small": "0e3da3cf33e5",
    }


@pytest.mark.parametrize("name", list_models())
def test_a_preset_comes_back_from_json(name: str) -> None:
    architecture = get_architecture(name)
    again = architecture_from_dict(json.loads(json.dumps(architecture.to_dict())))
    assert again == architecture
    assert again.architecture_id == architecture.architecture_id


@pytest.mark.parametrize("family", list_families())
def test_sampled_architectures_come_back_from_json(family: str, task: Task, sample: Sample) -> None:
    for architecture in sample(family, task, 500):
        assert architecture_from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize("family", list_families())
def test_every_field_has_a_rule_and_its_default_meets_it(family: str) -> None:
    kind = get_family(family).architecture_type
    default = kind()
    fields = set(default.to_dict()) - {"schema_version", "family"}
    assert fields == set(kind.rules)


BAD = [
    (DenseNetArchitecture, "compression", 0, "compression = 0: must be in (0, 1]"),
    (DenseNetArchitecture, "block_config", [], "block_config = []: needs 1 to 6 blocks of 1 to 64 layers"),
    (DenseNetArchitecture, "block_config", [100_000], "block_config = [100000]: needs 1 to 6 blocks of 1 to 64 layers"),
    (DenseNetArchitecture, "growth_rate", 0, "growth_rate = 0: must be at least 1"),
    (DenseNetArchitecture, "growth_rate", True, "growth_rate = true: must be a whole number"),
    (DenseNetArchitecture, "growth_rate", "32", 'growth_rate = "32": must be a whole number'),
    (DenseNetArchitecture, "growth_rate", None, "growth_rate = null: must be a whole number"),
    (DenseNetArchitecture, "drop_rate", 1.0, "drop_rate = 1.0: must be in [0, 1)"),
    (DenseNetArchitecture, "memory_efficient", "no", 'memory_efficient = "no": must be true or false'),
    (DenseNetArchitecture, "num_classes", 0, "num_classes = 0: must be at least 1"),
    (DenseNetArchitecture, "in_channels", -3, "in_channels = -3: must be at least 1"),
    (DenseNetArchitecture, "stem", "small", 'stem = "small": must be one of "imagenet", "cifar"'),
    (ResNetArchitecture, "depths", [2, 2, 2], "widths has 4 values, and there are 3 stages"),
    (ResNetArchitecture, "block", "wide", 'block = "wide": must be one of "basic", "bottleneck"'),
    (MobileNetArchitecture, "kernel_size", 4, "kernel_size = 4: must be one of 3, 5, 7"),
    (MobileNetArchitecture, "kernel_size", [3, 5], "kernel_size has 2 values, and there are 7 stages"),
    (MobileNetArchitecture, "expand_ratio", [6, 6], "expand_ratio has 2 values, and there are 17 blocks"),
    (MobileNetArchitecture, "expand_ratio", 0.5, "expand_ratio = 0.5: must be in [1, 16]"),
    (MobileNetArchitecture, "strides", [3] * 7, "strides = [3, 3, 3, 3, 3, 3, 3]: needs"),
    (MobileNetArchitecture, "width_mult", 0, "width_mult = 0: must be in (0, 4]"),
]


@pytest.mark.parametrize(("kind", "field", "value", "message"), BAD)
def test_bad_values_are_refused_by_name_value_and_rule(
    kind: type[Architecture], field: str, value: object, message: str
) -> None:
    with pytest.raises(ArchitectureError) as refusal:
        kind.from_fields({field: value})
    assert refusal.value.message.startswith(message)


def test_a_bottleneck_without_channels_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="leaves no channel where widths has 8"):
        ResNetArchitecture(block="bottleneck", depths=(1,), widths=(8,), width_per_group=4)


@pytest.mark.parametrize("name", ["in_channels", "num_classes", "image_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_an_impossible_task_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ArchitectureError, match=f"{name} = "):
        Task(**{name: value})


@given(st.floats(0.01, 1.0), st.integers(1, 12), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_equal_transitions_make_equal_networks(compression: float, growth_rate: int, block_config: list[int]) -> None:
    one = DenseNetArchitecture(
        compression=compression, growth_rate=growth_rate, block_config=tuple(block_config), stem="cifar"
    )
    other = one.replace(compression=min(1.0, compression + 1e-4))
    same_network = one.layers(32) == other.layers(32)
    assert (one.architecture_id == other.architecture_id) == same_network
