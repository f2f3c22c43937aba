import random

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
