import random

import pytest
import torch

from orchestrator.training.reset import reset_global_state, warm_up


def test_what_a_trial_leaves_behind_is_put_back() -> None:
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True
    torch.use_deterministic_algorithms(True)
    reset_global_state(num_threads=1)
    assert torch.get_num_threads() == 1
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.are_deterministic_algorithms_enabled()


def test_random_numbers_begin_anew() -> None:
    def draw() -> tuple[float, float]:
        reset_global_state(num_threads=1)
        return random.random(), torch.rand(()).item()

    assert draw() == draw()


def test_warming_up_leaves_no_gradients_behind() -> None:
    warm_up()
    assert torch.is_grad_enabled()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_worker_with_a_quarter_of_a_gpu_runs_out_of_that_quarter() -> None:
    num_bytes = torch.cuda.mem_get_info()[1] // 2
    reset_global_state(num_threads=1, gpu_share=0.25)
    try:
        with pytest.raises(torch.cuda.OutOfMemoryError):
            torch.empty(num_bytes, dtype=torch.uint8, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
