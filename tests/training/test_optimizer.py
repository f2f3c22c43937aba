import copy

import pytest
import torch
from torch import nn

from orchestrator.config.settings import OptimizerName, Recipe
from orchestrator.training.flat import flatten
from orchestrator.training.optimizer import Optimizer
from search_spaces.registry import build_model
from tests.training.trials import CPU, small_architecture


def test_matrices_decay_and_norms_and_biases_do_not() -> None:
    network = flatten(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)), CPU)
    before = copy.deepcopy(network.module.state_dict())
    Optimizer.of(Recipe(weight_decay=0.5), network).step(0.1)
    changed = {name for name, value in network.module.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"0.weight", "3.weight"}


@pytest.mark.parametrize("name", OptimizerName)
def test_steps_on_the_vectors_are_torchs_steps_on_the_tensors(name: OptimizerName) -> None:
    recipe = Recipe(optimizer=name, momentum=0.9, weight_decay=0.1)
    plain = build_model(small_architecture("resnet")).train()
    network = flatten(copy.deepcopy(plain), CPU)
    matrices = [weight for weight in plain.parameters() if weight.ndim > 1]
    others = [weight for weight in plain.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    reference: torch.optim.Optimizer
    if name is OptimizerName.SGD:
        reference = torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True)
    else:
        reference = torch.optim.AdamW(groups, lr=0.05, weight_decay=0.1)
    optimizer = Optimizer.of(recipe, network)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        for weight, flat_weight in zip(plain.parameters(), network.module.parameters(), strict=True):
            weight.grad = torch.randn(weight.shape, generator=generator)
            assert flat_weight.grad is not None
            flat_weight.grad.copy_(weight.grad)
        reference.step()
        optimizer.step(0.05)
    for weight, flat_weight in zip(plain.parameters(), network.module.parameters(), strict=True):
        assert torch.allclose(weight, flat_weight, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OptimizerName)
def test_its_memory_is_there_before_its_first_step(name: OptimizerName) -> None:
    network = flatten(build_model(small_architecture("resnet")), CPU)
    optimizer = Optimizer.of(Recipe(optimizer=name), network)
    before = {key: tensor.data_ptr() for key, tensor in optimizer.tensors.items()}
    network.gradients_P.fill_(1)
    optimizer.step(0.1)
    assert {key: tensor.data_ptr() for key, tensor in optimizer.tensors.items()} == before
    assert all(tensor.any() for tensor in optimizer.tensors.values())


def test_without_momentum_it_is_plain_descent() -> None:
    network = flatten(nn.Linear(3, 2), CPU)
    before_P = network.weights_P.clone()
    network.gradients_P.fill_(2)
    optimizer = Optimizer.of(Recipe(momentum=0, weight_decay=0), network)
    optimizer.step(0.1)
    optimizer.step(0.1)
    torch.testing.assert_close(network.weights_P, before_P - 0.4)
