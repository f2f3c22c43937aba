import pytest
import torch

from orchestrator.data.dataset import Dataset
from orchestrator.records import Cause
from orchestrator.training.batches import Batches
from orchestrator.training.context import TrialFailure
from orchestrator.training.flat import flatten
from orchestrator.training.memory import device_bytes, fitting_num_parts, is_out_of_memory, memory_failure
from orchestrator.training.ranks import ALONE
from orchestrator.training.step import Stepper
from search_spaces.registry import build_model
from search_spaces.summary import summarize
from tests.training.trials import CPU, FIELDS, RECIPE, small_architecture


class Accelerator:
    """Has memory for so many of the 32 images of a step."""

    def __init__(self, num_images: int) -> None:
        self.num_images = num_images
        self.tried: list[int] = []

    def attempt(self, num_parts: int) -> None:
        self.tried.append(num_parts)
        if 32 // num_parts > self.num_images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def fit(accelerator: Accelerator, num_parts: int = 1) -> int:
    return fitting_num_parts(accelerator.attempt, num_parts=num_parts, shard_size=32, ranks=ALONE)


@pytest.mark.parametrize(("num_images", "num_parts"), [(100, 1), (32, 1), (31, 2), (8, 4), (2, 16)])
def test_a_step_is_halved_until_it_fits(num_images: int, num_parts: int) -> None:
    assert fit(Accelerator(num_images)) == num_parts


def test_a_resumed_trial_begins_where_it_had_found_out() -> None:
    accelerator = Accelerator(8)
    assert fit(accelerator, num_parts=4) == 4
    assert accelerator.tried == [4]


def test_parts_of_one_image_are_never_tried() -> None:
    accelerator = Accelerator(1)
    with pytest.raises(TrialFailure, match="parts of 2 images") as caught:
        fit(accelerator)
    assert caught.value.cause is Cause.OUT_OF_MEMORY
    assert accelerator.tried == [1, 2, 4, 8, 16]


def test_other_errors_are_not_taken_for_missing_memory() -> None:
    def attempt(_num_parts: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        fitting_num_parts(attempt, num_parts=1, shard_size=32, ranks=ALONE)
    with pytest.raises(RuntimeError, match="mat1"), memory_failure():
        attempt(1)


def test_what_the_allocator_of_the_cpu_says_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)


def test_memory_that_runs_out_later_is_the_trials_failure() -> None:
    with pytest.raises(TrialFailure, match="CUDA out of memory") as caught, memory_failure():
        Accelerator(1).attempt(1)
    assert caught.value.cause is Cause.OUT_OF_MEMORY


def test_parts_that_are_predicted_not_to_fit_are_not_tried() -> None:
    accelerator = Accelerator(8)
    bytes_of_an_image = device_bytes(ALONE.device) // 9
    num_parts = fitting_num_parts(
        accelerator.attempt, num_parts=1, shard_size=32, ranks=ALONE, predict=lambda images: images * bytes_of_an_image
    )
    assert num_parts == 4
    assert accelerator.tried == [4]


def test_a_prediction_alone_refuses_nothing() -> None:
    accelerator = Accelerator(2)
    assert (
        fitting_num_parts(accelerator.attempt, num_parts=1, shard_size=32, ranks=ALONE, predict=lambda _: 1 << 60) == 16
    )


def test_activations_are_recomputed_only_when_the_smallest_parts_do_not_fit() -> None:
    accelerator = Accelerator(1)

    def recompute() -> bool:
        accelerator.num_images *= 2
        return True

    assert fitting_num_parts(accelerator.attempt, num_parts=1, shard_size=32, ranks=ALONE, recompute=recompute) == 16
    assert accelerator.tried == [1, 2, 4, 8, 16, 16]


def test_recomputing_is_tried_once_and_the_refusal_says_the_bytes() -> None:
    accelerator = Accelerator(0)
    recomputed: list[bool] = []

    def recompute() -> bool:
        recomputed.append(True)
        return True

    with pytest.raises(TrialFailure) as caught:
        fitting_num_parts(
            accelerator.attempt,
            num_parts=1,
            shard_size=32,
            ranks=ALONE,
            predict=lambda num_images: 1000 * num_images,
            recompute=recompute,
        )
    assert recomputed == [True]
    assert caught.value.message == (
        "no memory for a step in parts of 2 images; its activations need about 2,000 bytes; "
        "2.00 GiB were asked for and not there"
    )


def test_the_bytes_of_the_cpus_allocator_are_understood() -> None:
    def attempt(_num_parts: int) -> None:
        torch.empty(1 << 60)

    with pytest.raises(TrialFailure, match=r"4611686018427387904 bytes were asked for"):
        fitting_num_parts(attempt, num_parts=1, shard_size=2, ranks=ALONE)


@pytest.mark.parametrize("family", FIELDS)
def test_recomputed_steps_have_equal_gradients(dataset: Dataset, family: str) -> None:
    gradients = []
    for is_recomputed in (False, True):
        torch.manual_seed(0)
        network = flatten(build_model(small_architecture(family)).train(), CPU)
        stepper = Stepper.of(network, Batches.on_device(dataset, RECIPE, seed=0, ranks=ALONE))
        assert not is_recomputed or stepper.recompute()
        stepper.add_gradients(0, *stepper.batches.at(0), num_parts=2)
        gradients.append(network.gradients_P.clone())
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-7)


def test_the_prediction_is_that_of_the_closed_form(dataset: Dataset) -> None:
    network = flatten(build_model(small_architecture()).train(), CPU)
    stepper = Stepper.of(network, Batches.on_device(dataset, RECIPE, seed=0, ranks=ALONE))
    assert stepper.predicted_bytes(30) == summarize(small_architecture(), image_size=8, batch_size=30).activation_bytes


def test_trying_a_part_leaves_no_trace(dataset: Dataset) -> None:
    network = flatten(build_model(small_architecture()).train(), CPU)
    before_V = network.values_V.clone()
    Stepper.of(network, Batches.on_device(dataset, RECIPE, seed=0, ranks=ALONE)).try_largest_part(1)
    assert torch.equal(network.values_V, before_V)
    assert not network.gradients_P.any()
