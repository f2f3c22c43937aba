"""What a network takes in inference: its memory at the peak, and the file that holds its weights.

Both are sums over layers, so that they are exact before anything is built, of one network or of many at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from search_spaces.costs import FLOAT_BYTES, Layer
from search_spaces.many import Size, larger

CONVOLUTIONS = ("conv", "depthwise_conv")

_COUNT_BYTES = 8
"""Batch norm counts its batches in one number of 64 bits."""

_VECTOR, _MATRIX, _SCALAR = 63, 69, 61
"""What the header of a safetensors file says of a tensor beside its name, within 6 by the digits of its numbers."""

_TENSORS = {
    "conv": {".weight": _MATRIX},
    "depthwise_conv": {".weight": _MATRIX},
    "linear": {".weight": _MATRIX, ".bias": _VECTOR},
    "batch_norm": {
        ".weight": _VECTOR,
        ".bias": _VECTOR,
        ".running_mean": _VECTOR,
        ".running_var": _VECTOR,
        ".num_batches_tracked": _SCALAR,
    },
}


def executed(layers: Iterable[Layer], *, is_folded: bool) -> Iterator[Layer]:
    """The layers that run; folded, without the batch norms that read a convolution."""
    before = ""
    for layer in layers:
        if not (is_folded and layer.kind == "batch_norm" and before in CONVOLUTIONS):
            yield layer
        before = layer.kind


def peak_memory_bytes(layers: Iterable[Layer], *, batch_size: int, is_folded: bool) -> Size:
    """Weights and all activations that there are at once, in float32, while a batch goes through the network.

    What kernels allocate for themselves comes on top, and differs between runtimes.
    """
    known = tuple(layers)
    peak_bytes: Size = 0
    for layer in executed(known, is_folded=is_folded):
        peak_bytes = larger(peak_bytes, layer.live_bytes * layer.repeats)
    return _weights_bytes(known, is_folded=is_folded) + batch_size * peak_bytes


def file_bytes(layers: Iterable[Layer]) -> Size:
    """The safetensors file of a network's weights and batch norm's statistics in float32.

    The tensors are exact; the header, some 100 bytes for each of them, is within a tenth.
    """
    known = tuple(layers)
    return _weights_bytes(known, is_folded=False) + sum(_header_bytes(layer) * layer.repeats for layer in known)


def _weights_bytes(layers: tuple[Layer, ...], *, is_folded: bool) -> Size:
    """Parameters and buffers; of a batch norm that is folded its shift alone, as the convolution's bias."""
    num_bytes: Size = FLOAT_BYTES * sum(layer.num_parameters * layer.repeats for layer in layers)
    kept = {id(layer) for layer in executed(layers, is_folded=is_folded)}
    for layer in layers:
        if layer.kind == "batch_norm":
            own_bytes = FLOAT_BYTES * layer.num_parameters
            change = own_bytes + _COUNT_BYTES if id(layer) in kept else -own_bytes // 2
            num_bytes = num_bytes + change * layer.repeats
    return num_bytes


def _header_bytes(layer: Layer) -> Size:
    tensors = _TENSORS.get(layer.kind, {})
    name_bytes = _name_bytes(layer.name)
    size = sum(name_bytes + len(suffix) + entry for suffix, entry in tensors.items())
    if layer.kind not in CONVOLUTIONS:
        return size
    _, height, width = layer.output_shape
    has_bias = layer.num_parameters * height * width > layer.macs
    return size + has_bias * (name_bytes + len(".bias") + _VECTOR)


@lru_cache(maxsize=4096)
def _name_bytes(name: str) -> int:
    """With one digit for each number, which reads ``many`` where networks that are counted at once differ in it."""
    return len(re.sub(r"\d+|\bmany\b", "0", name))
