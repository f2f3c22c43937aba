"""What a trial may leave behind in a worker that outlives it, put back; and what the first trial would pay for."""

from __future__ import annotations

import gc
import random

import torch
from torch import nn


def reset_global_state(*, num_threads: int) -> None:
    """Makes the next trial independent of those before it in this process."""
    gc.collect()
    torch.cuda.empty_cache()
    random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(num_threads)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.enabled = True
    # Trying algorithms out makes a resumed trial differ from an undisturbed one.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def warm_up() -> None:
    """One training step of a tiny network: the first optimiser of a process imports for 1.3 to 2 s."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    loss = nn.functional.cross_entropy(model(torch.zeros(2, 1, 4, 4)), torch.tensor([0, 1]))
    torch.autograd.backward(loss)
    optimizer.step()
