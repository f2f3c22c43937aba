import pytest
import torch

from orchestrator.training.precision import Precision, autocast, choose_precision

CPU = torch.device("cpu")


def test_small_images_are_trained_in_float32_on_a_cpu() -> None:
    assert choose_precision(CPU, 8) is Precision.FLOAT32


def test_large_images_are_trained_in_bfloat16_only_where_the_cpu_multiplies_in_it() -> None:
    expected = Precision.BFLOAT16 if torch.cpu._is_amx_tile_supported() else Precision.FLOAT32
    assert choose_precision(CPU, 32) is expected


def test_the_context_sets_the_format_of_products() -> None:
    matrix = torch.ones(2, 2)
    with autocast(Precision.BFLOAT16, CPU):
        assert (matrix @ matrix).dtype is torch.bfloat16
    with autocast(Precision.FLOAT32, CPU):
        assert (matrix @ matrix).dtype is torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_in_bfloat16_where_it_multiplies_in_it() -> None:
    device = torch.device("cuda")
    expected = Precision.BFLOAT16 if torch.cuda.get_device_capability() >= (8, 0) else Precision.FLOAT32
    assert choose_precision(device, 8) is expected
