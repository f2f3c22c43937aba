"""Convolutions in bfloat16 on CPUs, for the shapes that torch's own (oneDNN's) are slow at.

Times of one AMX core in ms, torch's and as here: the gradient of the input of a depthwise convolution of stride 2 (64
images, 576 channels, 4 x 4 pixels) 60 and 0.3; the gradient of the weights of one on 2 x 2 pixels (64 images, 960
channels) 31 and 2.6; a whole pass of 512 by 512 channels on 4 x 4 pixels (64 images) 79 and 39.

Legend: B images, C channels, H x W pixels of the input; O channels, P x Q pixels of the output; R x S of the kernel;
N = B P Q places of the kernel, M = R S C values under it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

_MAX_SMALL_SIDE = 7
_MIN_WIDE_CHANNELS = 256
"""Fewer channels or more pixels, and a copy of what lies under the kernel at each place costs more than it saves."""

Shape = tuple[int, int]


class SteadyConv2d(nn.Conv2d):
    """A convolution without bias that takes torch's way or another, by its shapes; only in training in bfloat16."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        if not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")):
            return super().forward(input)
        input_BCHW = input.bfloat16()
        function = self._function(input_BCHW)
        if function is None:
            return super().forward(input_BCHW)
        output: Tensor = function.apply(input_BCHW, self.weight.bfloat16(), self.stride)
        return output

    def _function(self, input_BCHW: Tensor) -> type[_Depthwise | _Product] | None:
        height, width = (1 + (side - 1) // step for side, step in zip(input_BCHW.shape[2:], self.stride, strict=True))
        if self.groups > 1:
            is_tiny = min(height, width) < max(self.kernel_size)
            return _Depthwise if max(self.stride) > 1 or is_tiny else None
        is_wide = min(self.in_channels, self.out_channels) >= _MIN_WIDE_CHANNELS
        return _Product if is_wide and max(height, width) <= _MAX_SMALL_SIDE else None


def steady_convolutions(module: nn.Module) -> None:
    """Makes the convolutions of a network on the CPU ``SteadyConv2d``, where that can make a difference."""
    for conv in module.modules():
        if type(conv) is nn.Conv2d and _is_eligible(conv):
            conv.__class__ = SteadyConv2d


def _is_eligible(conv: nn.Conv2d) -> bool:
    """Whether its kernel is larger than a pixel and centred on it, and it is dense or depthwise."""
    is_depthwise = conv.groups == conv.in_channels == conv.out_channels
    is_centred = conv.padding == tuple(size // 2 for size in conv.kernel_size) and all(
        size % 2 for size in conv.kernel_size
    )
    is_plain = conv.bias is None and conv.padding_mode == "zeros" and max(conv.dilation) == 1
    return is_plain and is_centred and max(conv.kernel_size) > 1 and (conv.groups == 1 or is_depthwise)


class _Depthwise(torch.autograd.Function):
    """Forward as torch does it."""

    @staticmethod
    def forward(ctx: Any, input_BCHW: Tensor, weight_C1RS: Tensor, stride: Shape) -> Tensor:
        ctx.save_for_backward(input_BCHW, weight_C1RS)
        ctx.stride = stride
        return functional.conv2d(input_BCHW, weight_C1RS, None, stride, _centre(weight_C1RS), groups=len(weight_C1RS))

    @staticmethod
    def backward(ctx: Any, gradient_BCPQ: Tensor) -> tuple[Tensor, Tensor, None]:
        input_BCHW, weight_C1RS = ctx.saved_tensors
        padding = _centre(weight_C1RS)
        # A transposed convolution: zeros between the gradients, then a convolution with the kernel turned.
        spread_BCHW = torch.zeros_like(input_BCHW)
        spread_BCHW[:, :, :: ctx.stride[0], :: ctx.stride[1]] = gradient_BCPQ
        turned_C1RS = weight_C1RS.flip(2, 3)
        input_gradient_BCHW = functional.conv2d(spread_BCHW, turned_C1RS, None, 1, padding, groups=len(weight_C1RS))
        weight_gradient_C1RS = _depthwise_weight_gradient(input_BCHW, gradient_BCPQ, weight_C1RS, ctx.stride)
        return input_gradient_BCHW, weight_gradient_C1RS, None


def _depthwise_weight_gradient(input_BCHW: Tensor, gradient_BCPQ: Tensor, weight_C1RS: Tensor, stride: Shape) -> Tensor:
    padding, kernel = _centre(weight_C1RS), weight_C1RS.shape[2:]
    if min(gradient_BCPQ.shape[2:]) >= max(kernel):
        shape, groups = list(weight_C1RS.shape), len(weight_C1RS)
        gradient_C1RS: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            input_BCHW, shape, gradient_BCPQ, stride=stride, padding=padding, groups=groups
        )
        return gradient_C1RS
    values_BPQRSC = _under_kernel(input_BCHW.float(), kernel, stride)
    gradient_BPQC = gradient_BCPQ.permute(0, 2, 3, 1).float()
    gradient_RSC = torch.stack(
        [
            torch.stack([(values_BPQC * gradient_BPQC).flatten(0, 2).sum(0) for values_BPQC in values_SBPQC])
            for values_SBPQC in values_BPQRSC.permute(3, 4, 0, 1, 2, 5)
        ]
    )
    return gradient_RSC.permute(2, 0, 1).unsqueeze(1).to(weight_C1RS.dtype)


class _Product(torch.autograd.Function):
    """A product of matrices: what lies under the kernel at each place, by the weights."""

    @staticmethod
    def forward(ctx: Any, input_BCHW: Tensor, weight_OCRS: Tensor, stride: Shape) -> Tensor:
        ctx.save_for_backward(input_BCHW, weight_OCRS)
        ctx.stride = stride
        values_BPQRSC = _under_kernel(input_BCHW, weight_OCRS.shape[2:], stride)
        output_NO = _rows(values_BPQRSC) @ _rows_of_weights(weight_OCRS).t()
        return output_NO.view(*values_BPQRSC.shape[:3], -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient_BOPQ: Tensor) -> tuple[Tensor, Tensor, None]:
        input_BCHW, weight_OCRS = ctx.saved_tensors
        gradient_BPQO = gradient_BOPQ.permute(0, 2, 3, 1)
        gradient_NO = gradient_BPQO.reshape(-1, len(weight_OCRS))
        values_BPQRSC = _under_kernel(input_BCHW, weight_OCRS.shape[2:], ctx.stride)
        weight_gradient_OM = gradient_NO.t() @ _rows(values_BPQRSC)
        weight_gradient_OCRS = weight_gradient_OM.view(-1, *values_BPQRSC.shape[3:]).permute(0, 3, 1, 2)
        value_gradient_NM = gradient_NO @ _rows_of_weights(weight_OCRS)
        input_gradient_BCHW = _added_up(value_gradient_NM.view(values_BPQRSC.shape), input_BCHW, ctx.stride)
        return input_gradient_BCHW, weight_gradient_OCRS, None


def _centre(weight_OCRS: Tensor) -> Shape:
    rows, columns = weight_OCRS.shape[2:]
    return rows // 2, columns // 2


def _under_kernel(input_BCHW: Tensor, kernel: torch.Size, stride: Shape) -> Tensor:
    """A view of the values under the kernel at each place, ``values_BPQRSC``, with zeros around the image."""
    down, right = kernel[0] // 2, kernel[1] // 2
    padded_BHWC = functional.pad(input_BCHW.permute(0, 2, 3, 1), (0, 0, right, right, down, down))
    return padded_BHWC.unfold(1, kernel[0], stride[0]).unfold(2, kernel[1], stride[1]).permute(0, 1, 2, 4, 5, 3)


def _rows(values_BPQRSC: Tensor) -> Tensor:
    """``values_NM``"""
    batch, rows, columns = values_BPQRSC.shape[:3]
    return values_BPQRSC.reshape(batch * rows * columns, -1)


def _rows_of_weights(weight_OCRS: Tensor) -> Tensor:
    """``weight_OM``, a view where the channels lie last in memory."""
    return weight_OCRS.permute(0, 2, 3, 1).reshape(len(weight_OCRS), -1)


def _added_up(gradient_BPQRSC: Tensor, input_BCHW: Tensor, stride: Shape) -> Tensor:
    """Adds what each place says of the input: the way back from ``_under_kernel``."""
    batch, channels, height, width = input_BCHW.shape
    rows, columns, kernel_rows, kernel_columns = gradient_BPQRSC.shape[1:5]
    down, right = kernel_rows // 2, kernel_columns // 2
    sum_BHWC = gradient_BPQRSC.new_zeros(batch, height + 2 * down, width + 2 * right, channels, dtype=torch.float32)
    for row in range(kernel_rows):
        for column in range(kernel_columns):
            below, beside = row + stride[0] * rows, column + stride[1] * columns
            sum_BHWC[:, row : below : stride[0], column : beside : stride[1]] += gradient_BPQRSC[:, :, :, row, column]
    inner_BHWC = sum_BHWC[:, down : down + height, right : right + width]
    return inner_BHWC.to(gradient_BPQRSC.dtype).permute(0, 3, 1, 2)
