"""The other way to convolve gives what torch's own way gives, up to the rounding of bfloat16."""

import pytest
import torch
from torch import Tensor, nn

from orchestrator.training.convolution import SteadyConv2d, steady_convolutions
from search_spaces import create_model

SHAPES = {
    "product": (256, 256, 1, 3, 1, (4, 4)),
    "product, stride 2": (256, 512, 1, 3, 2, (7, 5)),
    "product, one pixel left": (256, 256, 1, 3, 2, (2, 2)),
    "depthwise, stride 2": (24, 24, 24, 3, 2, (9, 8)),
    "depthwise, kernel of 5": (24, 24, 24, 5, 2, (7, 7)),
    "depthwise, fewer pixels than the kernel": (24, 24, 24, 3, 1, (2, 2)),
    "depthwise, both": (24, 24, 24, 5, 2, (3, 3)),
    "torch's own": (24, 24, 24, 3, 1, (8, 8)),
    "torch's own, dense": (8, 16, 1, 3, 1, (8, 8)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_outputs_and_gradients_are_torchs(shape: tuple[int, int, int, int, int, tuple[int, int]]) -> None:
    inputs, outputs, groups, kernel_size, stride, sides = shape
    torch.manual_seed(0)
    plain = nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)
    steady = nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False))
    steady[0].load_state_dict(plain.state_dict())
    steady_convolutions(steady)
    assert isinstance(steady[0], SteadyConv2d)
    input_BCHW = torch.randn(3, inputs, *sides).to(memory_format=torch.channels_last)
    expected, given = (_pass(module, input_BCHW) for module in (plain, steady))
    for one, other in zip(expected, given, strict=True):
        assert one.shape == other.shape
        assert (one - other).norm() <= 0.01 * one.norm()


def _pass(module: nn.Module, input_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output, gradient of the input, gradient of the weights."""
    input_BCHW = input_BCHW.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=isinstance(module, nn.Sequential)):
        output = module(input_BCHW)
    generator = torch.Generator().manual_seed(1)
    torch.autograd.backward(output, torch.randn(output.shape, generator=generator).to(output.dtype))
    (weight,) = module.parameters()
    assert input_BCHW.grad is not None
    assert weight.grad is not None
    return output.detach().float(), input_BCHW.grad, weight.grad


def test_without_gradients_or_in_float32_it_is_torchs_own_to_the_bit() -> None:
    torch.manual_seed(0)
    model = create_model("mobilenet_v2", num_classes=10, stem="cifar").eval()
    image_BCHW = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before = model(image_BCHW)
    steady_convolutions(model)
    assert torch.equal(model(image_BCHW).detach(), before)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(model(image_BCHW)).all()


def test_names_and_number_of_weights_stay() -> None:
    model = create_model("resnet18", num_classes=10)
    names = list(model.state_dict())
    steady_convolutions(model)
    assert list(model.state_dict()) == names
    assert type(model.get_submodule("conv1")) is SteadyConv2d
