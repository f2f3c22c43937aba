"""Under which figures are taken: what is asked for, and what the machine adds to it."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orchestrator.config.runtimes import Runtime
from orchestrator.records import LatencyConditions
from search_spaces.architecture import Task

if TYPE_CHECKING:  # a device of one's own may lack what study files are read with
    from orchestrator.config.settings import LatencySettings

CPU = "cpu"
CUDA = "cuda"
_DTYPE = "float32"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What is asked for.

    Attributes:
        device: ``cpu``, ``cuda``, or the name of a device of one's own, whose processor is measured.
        input_shape: (channels, height, width) of one image.
    """

    input_shape: tuple[int, int, int]
    device: str = CPU
    num_threads: int = 1
    batch_size: int = 1
    runtime: Runtime = Runtime.FOLDED

    @classmethod
    def of(cls, settings: LatencySettings, task: Task) -> Self:
        """What a study asks for."""
        return cls(
            device=settings.device,
            num_threads=settings.num_threads,
            batch_size=settings.batch_size,
            runtime=settings.runtime,
            input_shape=(task.in_channels, task.image_size, task.image_size),
        )

    @property
    def batch_shape(self) -> tuple[int, int, int, int]:
        return (self.batch_size, *self.input_shape)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {**asdict(self), "runtime": self.runtime.value}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What ``to_dict`` gave.

        Raises:
            ValueError: a runtime is not known here.
        """
        channels, height, width = fields["input_shape"]
        rest = {**fields, "input_shape": (channels, height, width), "runtime": Runtime(fields["runtime"])}
        return cls(**rest)


def is_elsewhere(device: str) -> bool:
    """Whether figures come from a device of one's own, and not from the machine that the search runs on."""
    return device not in (CPU, CUDA)


def conditions_of(setup: Setup) -> LatencyConditions:
    """Under which this machine's figures hold."""
    is_onnx = setup.runtime is Runtime.ONNXRUNTIME
    return LatencyConditions(
        device=f"{setup.device}: {_gpu_name() if setup.device == CUDA else _cpu_name()}",
        num_threads=setup.num_threads,
        batch_size=setup.batch_size,
        input_shape=setup.input_shape,
        dtype=_DTYPE,
        runtime=setup.runtime.value,
        torch_version="" if is_onnx else metadata.version("torch"),
        num_cores=num_cores(),
        onnxruntime_version=metadata.version("onnxruntime") if is_onnx else "",
    )


def conditions_from_dict(fields: Mapping[str, Any]) -> LatencyConditions:
    """From JSON, which has lists for tuples."""
    channels, height, width = fields["input_shape"]
    return LatencyConditions(**{**fields, "input_shape": (channels, height, width)})


def answers(conditions: LatencyConditions, setup: Setup) -> bool:
    """Whether figures under these conditions are what the setup asks for: of this machine, or of its own device."""
    if not is_elsewhere(setup.device):
        return conditions == conditions_of(setup)
    device, _, _ = conditions.device.partition(": ")
    stated = (device, conditions.num_threads, conditions.batch_size, conditions.input_shape, conditions.runtime)
    return stated == (setup.device, setup.num_threads, setup.batch_size, setup.input_shape, setup.runtime.value)


def is_same_but_versions(one: LatencyConditions, other: LatencyConditions) -> bool:
    """Whether both are of one device, asked for the same; its software may have been renewed between them."""
    names = ("device", "num_threads", "batch_size", "input_shape", "dtype", "runtime")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@functools.cache
def num_cores() -> int:
    """That this process was given; a measurement keeps to fewer of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    # ARM's kernels name the board where Intel's name the processor.
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(names, platform.processor() or platform.machine())


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name()
