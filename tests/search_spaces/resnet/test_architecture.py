"""ResNet's stages: strides, shortcuts and inner widths."""

from __future__ import annotations

from search_spaces.resnet.architecture import ResNetArchitecture


def test_every_stage_but_the_first_halves_the_image() -> None:
    sides = {layer.stage: layer.output_shape[1] for layer in ResNetArchitecture().layers(224)}
    assert sides == {"stem": 56, "layer1": 56, "layer2": 28, "layer3": 14, "layer4": 7, "head": 1}


def test_a_shortcut_is_an_identity_where_the_shape_stays() -> None:
    basic = [block.shortcut for block in ResNetArchitecture(depths=(2, 2), widths=(16, 16)).blocks]
    assert basic == ["identity", "identity", "projection", "identity"]
    bottleneck = ResNetArchitecture(block="bottleneck", depths=(2,), widths=(16,), shortcut="padding")
    assert [block.shortcut for block in bottleneck.blocks] == ["padding", "identity"]


def test_groups_and_their_width_widen_bottlenecks_only() -> None:
    fields = {"depths": (1,), "widths": (64,), "groups": 32, "width_per_group": 4}
    assert ResNetArchitecture(**fields).blocks[0].width == 64
    assert ResNetArchitecture(block="bottleneck", **fields).blocks[0].width == 128
