"""What a network costs, as far as that is known before it is trained or timed: sums over its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.config.settings import LatencySettings
from orchestrator.objectives import FILE_BYTES, MACS, NUM_PARAMETERS, PEAK_MEMORY_BYTES
from search_spaces.costs import Layer
from search_spaces.inference import file_bytes, peak_memory_bytes
from search_spaces.many import Size


def known_costs(layers: Sequence[Layer], latency: LatencySettings) -> dict[str, Any]:
    """By name, exact: of one network, or of many whose layers have columns for numbers.

    Memory is that of the batch and the runtime that latency is measured with.
    """
    return {
        NUM_PARAMETERS: _total(layer.num_parameters * layer.repeats for layer in layers),
        MACS: _total(layer.macs * layer.repeats for layer in layers),
        FILE_BYTES: file_bytes(layers),
        PEAK_MEMORY_BYTES: peak_memory_bytes(
            layers, batch_size=latency.batch_size, is_folded=latency.runtime.folds_batch_norms
        ),
    }


def _total(amounts: Any) -> Size:
    return sum(amounts, start=0)
