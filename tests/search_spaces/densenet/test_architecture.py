"""Growth and compression: channels after every block and transition, as the paper counts them."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from search_spaces.densenet.architecture import DenseNetArchitecture


@given(st.integers(1, 100), st.integers(1, 12), st.lists(st.integers(1, 6), min_size=2, max_size=6))
def test_a_transition_keeps_the_share_theta_of_its_channels_rounded_down(
    percent: int, growth_rate: int, block_config: list[int]
) -> None:
    architecture = DenseNetArchitecture(
        compression=percent / 100, growth_rate=growth_rate, block_config=tuple(block_config), num_init_features=16
    )
    channels = 16
    for num_layers, after in zip(block_config, architecture.transition_channels, strict=False):
        # Floor of theta * m, without the rounding error that makes 28 of 0.29 * 100.
        channels = max(1, int(Fraction(percent, 100) * (channels + num_layers * growth_rate)))
        assert after == channels


def test_a_layer_without_bottleneck_has_one_convolution() -> None:
    names = [layer.name for layer in DenseNetArchitecture(bn_size=0, block_config=(1,)).layers(32)]
    assert "features.denseblock1.denselayer1.conv1" in names
    assert "features.denseblock1.denselayer1.conv2" not in names


def test_the_last_block_has_no_transition() -> None:
    stages = {layer.stage for layer in DenseNetArchitecture(block_config=(1, 1, 1)).layers(64)}
    assert {stage for stage in stages if "transition" in stage} == {"features.transition1", "features.transition2"}
