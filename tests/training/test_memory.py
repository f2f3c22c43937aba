import pytest
import torch

from orchestrator.records import Cause
from orchestrator.training.context import TrialFailure
from orchestrator.training.memory import fitting_num_parts, is_out_of_memory, memory_failure
from orchestrator.training.ranks import ALONE


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
