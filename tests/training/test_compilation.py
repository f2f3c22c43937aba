"""A training is compiled where that pays, and trains alike."""

from dataclasses import replace

import pytest
import torch

from orchestrator.config.settings import Recipe
from orchestrator.data.dataset import Dataset
from orchestrator.training import compilation
from orchestrator.training.batches import Batches
from orchestrator.training.compilation import compile_if_worth, compile_step
from orchestrator.training.ranks import ALONE, Ranks
from orchestrator.training.state import TrainingState
from orchestrator.training.step import Stepper
from orchestrator.training.validation import validate_average
from search_spaces.registry import build_model
from tests.training.trials import small_architecture

PLAIN = Recipe(batch_size=64)


def batches_of(dataset: Dataset, *, epochs: int = 16, device: str = "cpu") -> Batches:
    batches = Batches.on_device(dataset, replace(PLAIN, epochs=epochs), seed=0, ranks=ALONE)
    ranks = Ranks(rank=0, world_size=1, device=torch.device(device))  # named, not used
    return replace(batches, source=replace(batches.source, ranks=ranks))


def test_nothing_is_compiled_on_a_cpu(dataset: Dataset) -> None:
    assert not compile_if_worth(build_model(small_architecture("resnet")), batches_of(dataset, epochs=1_000_000))


def test_a_training_is_compiled_from_the_length_on_that_saves_twice_what_it_costs(dataset: Dataset) -> None:
    network = build_model(small_architecture("resnet"))
    per_epoch_s = compilation._saved_s(network, batches_of(dataset, epochs=1))
    enough = int(2 * compilation.compilation_s(network) / per_epoch_s) + 1
    assert not compile_if_worth(network, batches_of(dataset, epochs=enough - 1, device="cuda"))
    assert compile_if_worth(network, batches_of(dataset, epochs=enough + 1, device="cuda"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_the_step_and_evaluation_stays_uncompiled(dataset: Dataset) -> None:
    gradients = []
    for is_compiled in (False, True):
        torch.manual_seed(0)
        state = TrainingState.fresh(
            build_model(small_architecture("resnet")).train(), PLAIN, steps_per_epoch=1, device=ALONE.device
        )
        batches = Batches.on_device(dataset, PLAIN, seed=0, ranks=ALONE)
        stepper = replace(Stepper.of(state.network, batches), is_compiled=is_compiled)
        if is_compiled:
            compile_step(state.network.module)
        stepper.add_gradients(0, *batches.at(0), num_parts=1)
        gradients.append(state.network.gradients_P.clone())
        compiled_before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        validate_average(state, stepper, num_parts=1)
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == compiled_before
    assert compiled_before > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
