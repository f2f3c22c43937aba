"""Networks that torch runs: fresh weights, channels last, eager, folded or compiled, on the processor or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from orchestrator.config.runtimes import Runtime
from orchestrator.measure.conditions import CUDA, Setup
from orchestrator.measure.folding import fold_batch_norms
from orchestrator.measure.protocol import Run
from search_spaces.registry import architecture_from_dict, get_family

# Weights don't matter for the time, as long as they are no denormal numbers; those are flushed to zero below.
_SEED = 0
_REFERENCE_CHANNELS = 32
_REFERENCE_LAYERS = 6
_REFERENCE_SIZE = 16


def torch_runs(architectures: Sequence[Mapping[str, Any]], setup: Setup) -> tuple[list[Run], Run]:
    """The networks as calls, in the order given, and the reference network."""
    torch.set_num_threads(setup.num_threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(_SEED)
    image_BCHW = torch.rand(setup.batch_shape)
    runs = [_run(build(fields, setup.runtime), image_BCHW, setup) for fields in architectures]
    return runs, _run(*_reference(), setup)


def inference() -> AbstractContextManager[object]:
    """In which torch's networks are timed."""
    return torch.inference_mode()


def build(fields: Mapping[str, Any], runtime: Runtime) -> nn.Module:
    """The network as its runtime is given it; compiled when it first runs."""
    architecture = architecture_from_dict(fields)
    model = get_family(architecture.family).build(architecture).eval()
    return fold_batch_norms(model)[0] if runtime is not Runtime.EAGER else model


def _reference() -> tuple[nn.Module, torch.Tensor]:
    """The network that stands beside every candidate: the same in every study, half arithmetic, half calls."""
    channels = _REFERENCE_CHANNELS
    layers = [nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()) for _ in range(_REFERENCE_LAYERS)]
    return nn.Sequential(*layers).eval(), torch.rand(1, channels, _REFERENCE_SIZE, _REFERENCE_SIZE)


def _run(model: nn.Module, image_BCHW: torch.Tensor, setup: Setup) -> Run:
    """One forward pass as a call; made once here, so that torch chooses its kernels before the clock runs."""
    device = torch.device(CUDA if setup.device == CUDA else "cpu")
    # torch's stubs don't know memory_format as an argument of Module.to.
    to_channels_last: Callable[..., nn.Module] = model.to
    network: Callable[[torch.Tensor], object] = to_channels_last(device, memory_format=torch.channels_last)
    if setup.runtime is Runtime.COMPILED:
        network = torch.compile(network, dynamic=False)
    input_BCHW = image_BCHW.to(device).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        network(input_BCHW)
    return lambda: network(input_BCHW)
