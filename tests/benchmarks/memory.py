"""What memory_efficient DenseNet-121 saves and costs: ``python -m tests.benchmarks.memory``.

Ours and torchvision's, each plain and memory-efficient, from the same weights and batch. Memory is the peak of all
tensors alive in one training step, without weights, their gradients and the batch; time is that of whole steps, the
four networks interleaved. Every factor is of our plain network; a factor of times is the median over the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import nn
from torch.nn import functional

from search_spaces import create_model
from tests.benchmarks.machine import median_interval, parser, publish
from tests.live_tensors import measured_bytes

PLAIN = "archfront, plain"

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    PLAIN: lambda: create_model("densenet121"),
    "archfront, memory_efficient": lambda: create_model("densenet121", memory_efficient=True),
    "torchvision, plain": lambda: torchvision.models.densenet121(weights=None),
    "torchvision, memory_efficient": lambda: torchvision.models.densenet121(weights=None, memory_efficient=True),
}


def networks(device: str) -> dict[str, nn.Module]:
    built = {name: build().to(device).train() for name, build in NETWORKS.items()}
    for network in built.values():
        network.load_state_dict(built[PLAIN].state_dict())
    return built


def step_s(network: nn.Module, image_BCHW: torch.Tensor, label_B: torch.Tensor) -> float:
    """Seconds of a forward and a backward pass."""
    _wait_for(image_BCHW.device)
    began = time.perf_counter()
    network.zero_grad(set_to_none=False)
    functional.cross_entropy(network(image_BCHW), label_B).backward()
    _wait_for(image_BCHW.device)
    return time.perf_counter() - began


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    num_rounds, batch_size, side = (1, 2, 64) if options.quick else (7, 16, 224)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    image_BCHW = torch.randn(batch_size, 3, side, side, device=device)
    label_B = torch.randint(1000, (batch_size,), device=device)
    built = networks(device)
    # The step that is measured for memory is the warm-up of those that are timed.
    memory_bytes = {name: measured_bytes(network, batch_size, side, device=device) for name, network in built.items()}
    seconds: dict[str, list[float]] = {name: [] for name in built}
    for _ in range(num_rounds):
        for name, network in built.items():
            seconds[name].append(step_s(network, image_BCHW, label_B))
    publish(
        f"a training step of DenseNet-121: batch {batch_size} of {side} x {side}, float32, {device}, "
        f"{torch.get_num_threads()} threads, n = {num_rounds}",
        [_row(name, memory_bytes, seconds) for name in built],
        to=options.json,
    )


def _row(name: str, memory_bytes: dict[str, int], seconds: dict[str, list[float]]) -> dict[str, Any]:
    factor, low, high = median_interval([one / of for one, of in zip(seconds[name], seconds[PLAIN], strict=True)])
    return {
        "network": name,
        "memory (MiB)": memory_bytes[name] / 2**20,
        "memory factor": memory_bytes[name] / memory_bytes[PLAIN],
        "step (s)": median_interval(seconds[name])[0],
        "time factor": factor,
        "95 % low": low,
        "95 % high": high,
    }


if __name__ == "__main__":
    main()
