"""What is known of a network before it is built: shapes, parameters, MACs and memory, stage by stage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from search_spaces.architecture import Architecture
from search_spaces.costs import FLOAT_BYTES, Layer


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSummary:
    """One stage of a network.

    Attributes:
        num_convs: its convolutions and linear layers; what the papers count as depth.
        output_shape: (channels, height, width) of one image.
        macs: multiply-accumulates of one image.
        activation_bytes: what training keeps of it for the backward pass, of the whole batch in float32.
    """

    name: str
    num_convs: int
    output_shape: tuple[int, int, int]
    num_parameters: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A whole network.

    Attributes:
        macs: multiply-accumulates of one image.
        activation_bytes: activations and their gradients at the peak of one training step, of the whole batch in
            float32; within 10 % of what is measured. Parameters, their gradients and the optimizer come on top.
        parameter_bytes: all parameters in float32.
    """

    architecture: Architecture
    image_size: int
    batch_size: int
    stages: tuple[StageSummary, ...]
    num_parameters: int
    macs: int
    activation_bytes: int
    parameter_bytes: int


def summarize(architecture: Architecture, *, image_size: int, batch_size: int = 1) -> Summary:
    """The figures of a network for square images of one size.

    Raises:
        ArchitectureError: ``image_size`` is no whole number of pixels.
        GeometryError: the image shrinks below one pixel.
    """
    layers = architecture.layers(image_size)
    num_parameters = sum(layer.num_parameters for layer in layers)
    return Summary(
        architecture=architecture,
        image_size=image_size,
        batch_size=batch_size,
        stages=tuple(
            _stage(name, tuple(stage), batch_size) for name, stage in groupby(layers, key=lambda layer: layer.stage)
        ),
        num_parameters=num_parameters,
        macs=sum(layer.macs for layer in layers),
        activation_bytes=activation_bytes(layers, batch_size=batch_size),
        parameter_bytes=FLOAT_BYTES * num_parameters,
    )


def activation_bytes(layers: tuple[Layer, ...], *, batch_size: int) -> int:
    """Activations and their gradients at the peak of one training step, in float32.

    The backward pass goes from the last layer to the first. When it is at a layer, there are the tensors kept by
    all layers up to this one, the gradients of its output and its input, a gradient of its weights before it is
    added to the others, and, inside a residual block, the gradient of the block's output, which waits for the shortcut.
    """
    kept = batch_size * sum(layer.saved_bytes for layer in layers)
    peak, shortcut_name, shortcut_bytes = kept, "", 0
    inputs = (*layers[:1], *layers[:-1])
    for layer, previous in zip(reversed(layers), reversed(inputs), strict=True):
        output_bytes, input_bytes = _batch_bytes(layer, batch_size), _batch_bytes(previous, batch_size)
        if not layer.name.startswith(shortcut_name):
            shortcut_name, shortcut_bytes = "", 0
        gradients = output_bytes + input_bytes + shortcut_bytes + FLOAT_BYTES * layer.num_parameters
        peak = max(peak, kept + gradients)
        if layer.kind == "add":
            shortcut_name, shortcut_bytes = layer.name, output_bytes
        kept -= batch_size * layer.saved_bytes
    return peak


def _stage(name: str, layers: tuple[Layer, ...], batch_size: int) -> StageSummary:
    return StageSummary(
        name=name,
        num_convs=sum(layer.kind in {"conv", "depthwise_conv", "linear"} for layer in layers),
        output_shape=layers[-1].output_shape,
        num_parameters=sum(layer.num_parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        activation_bytes=batch_size * sum(layer.saved_bytes for layer in layers),
    )


def _batch_bytes(layer: Layer, batch_size: int) -> int:
    return batch_size * FLOAT_BYTES * math.prod(layer.output_shape)
