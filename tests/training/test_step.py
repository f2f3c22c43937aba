"""A step in bfloat16 is the step in float32, up to rounding."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.training.batches import Batches
from orchestrator.training.convolution import steady_convolutions
from orchestrator.training.flat import flatten
from orchestrator.training.precision import Precision
from orchestrator.training.ranks import ALONE, Ranks
from orchestrator.training.state import TrainingState
from orchestrator.training.step import Stepper
from search_spaces.registry import build_model
from tests.benchmarks.step import Case, measure
from tests.training.trials import FIELDS, small_architecture

PLAIN = Recipe(batch_size=64)


def gradients(dataset: Dataset, family: str, precision: Precision, ranks: Ranks = ALONE) -> Tensor:
    torch.manual_seed(0)
    model = build_model(small_architecture(family)).train()
    for module in model.modules():
        if hasattr(module, "drop_rate"):
            module.drop_rate = 0.0  # devices draw differently
    network = flatten(model, ranks.device)
    stepper = replace(Stepper.of(network, Batches.on_device(dataset, PLAIN, seed=0, ranks=ranks)), precision=precision)
    if precision is Precision.BFLOAT16 and ranks.device.type == "cpu":
        steady_convolutions(network.module)
    stepper.add_gradients(0, *stepper.batches.at(0), num_parts=1)
    return network.gradients_P.cpu()


@pytest.mark.parametrize("family", FIELDS)
def test_gradients_in_bfloat16_point_where_those_in_float32_do(dataset: Dataset, family: str) -> None:
    exact_P, rounded_P = (gradients(dataset, family, precision) for precision in Precision)
    assert torch.cosine_similarity(exact_P, rounded_P, dim=0) > 0.97
    assert float(rounded_P.norm()) == pytest.approx(float(exact_P.norm()), rel=0.1)


@pytest.mark.parametrize("family", FIELDS)
def test_a_step_again_gives_the_same_bits(dataset: Dataset, family: str) -> None:
    one, other = (gradients(dataset, family, Precision.BFLOAT16) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("family", FIELDS)
def test_gradients_of_a_gpu_are_those_of_a_cpu(dataset: Dataset, family: str) -> None:
    gpu = Ranks(rank=0, world_size=1, device=torch.device("cuda"))
    exact_P = gradients(dataset, family, Precision.FLOAT32)
    for precision in Precision:
        assert torch.cosine_similarity(exact_P, gradients(dataset, family, precision, gpu), dim=0) > 0.97


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_network_learns_in_bfloat16_on_a_gpu_with_its_weights_in_float32(dataset: Dataset) -> None:
    gpu = Ranks(rank=0, world_size=1, device=torch.device("cuda"))
    batches = Batches.on_device(dataset, PLAIN, seed=0, ranks=gpu)
    torch.manual_seed(0)
    model = build_model(small_architecture("resnet")).train()
    state = TrainingState.fresh(model, PLAIN, steps_per_epoch=batches.steps_per_epoch, device=gpu.device)
    stepper = replace(Stepper.of(state.network, batches), precision=Precision.BFLOAT16)
    losses = []
    for step in range(30):
        losses.append(float(stepper.add_gradients(step, *batches.at(step), num_parts=1)))
        state.update(step)
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.dtype is torch.float32 for parameter in model.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_benchmark_of_a_step_runs_on_a_gpu() -> None:
    row = measure(Case(name="resnet18", image_size=32, batch_size=8), torch.device("cuda"), None, num_rounds=1)
    assert row["times as fast"] > 0


def test_the_benchmark_of_a_step_compares_equal_networks() -> None:
    row = measure(Case(name="resnet18", image_size=32, batch_size=2), torch.device("cpu"), None, num_rounds=1)
    assert 0 < row["share of products"] < 1
