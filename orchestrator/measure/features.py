"""What makes a network take its time, counted from its layers: calls, arithmetic, and what is moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.runtimes import Runtime
from search_spaces.columns import plain
from search_spaces.cost_columns import CostColumns
from search_spaces.costs import Layer
from search_spaces.inference import executed

# Kernels compute whole vectors of channels. Counting MACs so raised the rank correlation on held-out networks for 32x32
# images from 0.92 to 0.96.
_VECTOR_CHANNELS = 16


def latency_features(layers: Iterable[Layer], runtime: Runtime) -> Mapping[str, float]:
    """Sums over the layers that the runtime executes, by what a kernel's time depends on.

    ``calls_*`` count kernels by kind; ``macs_*`` are in millions, of a dense convolution as its kernel computes it;
    ``weights`` are the parameters of convolutions and linear layers, ``moved`` the outputs of all others, in thousands.
    """
    sums: dict[str, float] = {}
    for layer in executed(layers, is_folded=runtime.folds_batch_norms):
        kind = _kernel(layer)
        _add(sums, f"calls_{kind}", 1.0 * layer.repeats)
        if layer.macs:
            _add(sums, f"macs_{kind}", _computed_macs(layer, kind) * layer.repeats / 1e6)
            _add(sums, "weights", layer.num_parameters * layer.repeats / 1e3)
        else:
            channels, height, width = layer.output_shape
            _add(sums, "moved", channels * height * width * layer.repeats / 1e3)
    return sums


def latency_feature_columns(columns: CostColumns, runtime: Runtime) -> Mapping[str, NDArray[np.float64]]:
    """What ``latency_features`` gives for each of many networks, N; all are 0 where no network can be built."""
    features: dict[str, NDArray[np.float64]] = {}
    for group in columns.groups:
        for name, value in latency_features(group.layers, runtime).items():
            column_N = features.setdefault(name, np.zeros(len(columns)))
            column_N[group.rows_G] = plain(value)
    return features


def _kernel(layer: Layer) -> str:
    """The kind, with convolutions told apart where their kernels differ."""
    if layer.kind != "conv":
        return layer.kind
    if layer.macs < _dense_macs(layer, multiple_of=1):
        return "grouped_conv"
    return "conv_1x1" if layer.kernel_size == 1 else "conv"


def _computed_macs(layer: Layer, kernel: str) -> int:
    is_dense = kernel in ("conv", "conv_1x1")
    return _dense_macs(layer, multiple_of=_VECTOR_CHANNELS) if is_dense else layer.macs


def _dense_macs(layer: Layer, *, multiple_of: int) -> int:
    """MACs of the convolution without groups, its channels rounded up."""
    channels, height, width = layer.output_shape
    pairs = _rounded_up(channels, multiple_of) * _rounded_up(layer.input_channels, multiple_of)
    return pairs * layer.kernel_size**2 * height * width


def _rounded_up(number: int, multiple_of: int) -> int:
    return -(-number // multiple_of) * multiple_of


def _add(sums: dict[str, float], name: str, value: float) -> None:
    sums[name] = sums.get(name, 0.0) + value
