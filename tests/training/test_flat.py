import copy

import pytest
import torch
from torch import nn

from orchestrator.training.flat import flatten
from search_spaces.registry import build_model
from tests.training.trials import CPU, FIELDS, small_architecture

IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", FIELDS)
def test_a_flat_network_has_the_weights_and_the_output_of_the_plain_one(family: str) -> None:
    plain = build_model(small_architecture(family)).eval()
    flat = flatten(copy.deepcopy(plain), CPU).module
    assert {name: value.shape for name, value in flat.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in flat.state_dict().items())
    assert torch.allclose(flat(IMAGES), plain(IMAGES), atol=1e-5)


@pytest.mark.parametrize("family", FIELDS)
def test_every_number_of_the_network_is_in_its_vectors(family: str) -> None:
    network = flatten(build_model(small_architecture(family)), CPU)
    network.values_V.fill_(3)
    network.counters_K.fill_(5)
    tensors = network.module.state_dict().values()
    assert all((tensor == (3 if tensor.is_floating_point() else 5)).all() for tensor in tensors)


@pytest.mark.parametrize("family", FIELDS)
def test_the_gradients_of_all_weights_are_in_one_vector(family: str) -> None:
    network = flatten(build_model(small_architecture(family)).train(), CPU)
    torch.autograd.backward(network.module(IMAGES).square().sum())
    total = sum(weight.grad.double().sum() for weight in network.module.parameters() if weight.grad is not None)
    assert network.gradients_P.double().sum() == pytest.approx(float(total), rel=1e-6)
    assert network.gradients_P.count_nonzero() > 0


def test_weights_with_four_dimensions_have_their_channels_last() -> None:
    network = flatten(nn.Conv2d(5, 7, 3), CPU)
    assert isinstance(network.module, nn.Conv2d)
    assert network.module.weight.stride() == (45, 1, 15, 5)
    assert network.module.weight.data_ptr() % 64 == network.values_V.data_ptr() % 64


def test_a_lent_network_gets_its_own_values_back() -> None:
    network = flatten(build_model(small_architecture("resnet")).train(), CPU)
    before = copy.deepcopy(network.module.state_dict())
    with network.holding(torch.ones_like(network.values_V)) as module:
        module(IMAGES)
        assert all((weight == 1).all() for weight in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.module.state_dict().items())
