from dataclasses import replace

import torch

from orchestrator.config.settings import DataSettings, Recipe
from orchestrator.data.dataset import Dataset, load
from orchestrator.training.batches import Batches
from orchestrator.training.evaluate import evaluate
from orchestrator.training.ranks import ALONE
from orchestrator.training.state import TrainingState
from orchestrator.training.step import Stepper
from orchestrator.training.validation import validate_average
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model, get_family
from tests.training.trials import CPU, RECIPE, TASK, small_architecture, small_dataset


def started(
    dataset: Dataset, recipe: Recipe = RECIPE, architecture: Architecture | None = None
) -> tuple[TrainingState, Stepper]:
    batches = Batches.on_device(dataset, recipe, seed=0, ranks=ALONE)
    torch.manual_seed(0)
    model = build_model(architecture or small_architecture()).train()
    state = TrainingState.fresh(model, recipe, steps_per_epoch=batches.steps_per_epoch, device=CPU)
    return state, Stepper.of(state.network, batches)


def train(state: TrainingState, stepper: Stepper, *, num_steps: int) -> None:
    for step in range(num_steps):
        stepper.add_gradients(step, *stepper.batches.at(step), num_parts=1)
        state.update(step)


def test_a_network_in_training_is_left_as_it_was(dataset: Dataset) -> None:
    state, stepper = started(dataset)
    train(state, stepper, num_steps=3)
    before = {name: tensor.clone() for name, tensor in state.network.module.state_dict().items()}
    validate_average(state, stepper, num_parts=1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.network.module.state_dict().items())
    assert all(module.training for module in state.network.module.modules())


def test_the_average_keeps_its_weights_and_gets_statistics_that_do_not_depend_on_the_steps_before(
    dataset: Dataset,
) -> None:
    state, stepper = started(dataset)
    train(state, stepper, num_steps=3)
    average_V, num_weights = state.average_V.clone(), len(state.network.weights_P)
    first = validate_average(state, stepper, num_parts=1)
    with_statistics_V = state.average_V.clone()
    assert torch.equal(with_statistics_V[:num_weights], average_V[:num_weights])
    state.network.buffers_Q.fill_(123)
    assert validate_average(state, stepper, num_parts=1) == first
    assert torch.equal(state.average_V, with_statistics_V)


def test_statistics_are_never_of_one_image_alone() -> None:
    """A norm of one pixel would have one value to normalise."""
    fields = {"width_mult": 0.5, "num_stages": 4, "depth": 1}
    to_one_pixel = get_family("mobilenet").architecture(fields, TASK)
    state, stepper = started(small_dataset(num_train=41), replace(RECIPE, batch_size=2), to_one_pixel)
    assert validate_average(state, stepper, num_parts=1).num_images == 41


def test_an_early_average_is_better_with_statistics_of_its_own_than_with_those_of_training() -> None:
    digits = load(DataSettings(), seed=0)
    state, stepper = started(digits, Recipe(batch_size=64, max_shift=1), small_architecture("mobilenet"))
    train(state, stepper, num_steps=2 * state.steps_per_epoch)
    weights_P = state.network.weights_P
    weights_P.copy_(state.average_V[: len(weights_P)])
    with_training_statistics = evaluate(state.network.module, digits.validation, digits)
    assert validate_average(state, stepper, num_parts=1).accuracy > with_training_statistics.accuracy + 0.05
