"""The peak of inference of networks as they are measured: with batch norms folded."""

from __future__ import annotations

import pytest
import torch

from orchestrator.measure.folding import fold_batch_norms
from orchestrator.measure.references import reference_architectures
from search_spaces import get_architecture, registry
from search_spaces.inference import peak_memory_bytes
from tests.live_tensors import inference_bytes
from tests.measure.spaces import DIGITS, default_space


@pytest.mark.parametrize("name", ["densenet40_k12_cifar", "resnet18", "mobilenet_v2", "mobilenet_v3_small"])
def test_the_peak_of_a_folded_network_is_that_of_torch_to_the_byte(name: str) -> None:
    network = get_architecture(name, num_classes=10)
    model, _ = fold_batch_norms(registry.build_model(network))
    expected = inference_bytes(model, torch.zeros(2, 3, 64, 64))
    assert peak_memory_bytes(network.layers(64), batch_size=2, is_folded=True) == expected


def test_the_peak_of_small_folded_networks_is_that_of_torch_to_the_byte() -> None:
    for network in reference_architectures(default_space(), DIGITS, seed=0):
        model, _ = fold_batch_norms(registry.build_model(network))
        expected = inference_bytes(model, torch.zeros(1, 1, 8, 8))
        assert peak_memory_bytes(network.layers(8), batch_size=1, is_folded=True) == expected
