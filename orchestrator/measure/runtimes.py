"""Whether a runtime can be had here; asked before anything is computed, so that nobody waits for a refusal."""

from __future__ import annotations

import importlib.util
import os
import shutil

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import CUDA, Setup, num_cores

_TORCH = 'pip install "torch>=2.11"'
_ONNXRUNTIME = 'pip install "archfront[onnx]"'
_COMPILER = "apt-get install g++, or set CXX"


def check_setup(setup: Setup, *, is_exported: bool = False) -> None:
    """Refuses what this machine lacks, with the line that installs it.

    Args:
        is_exported: networks are ONNX files already, so that torch is not needed to write them.

    Raises:
        BadInputError: a package, a compiler, a GPU or a core is missing, or a number is below 1.
    """
    runtime = setup.runtime
    for name, number in (("num_threads", setup.num_threads), ("batch_size", setup.batch_size)):
        if number < 1:
            raise BadInputError(f"latency.{name} = {number}: must be at least 1", hint="leave it out for 1")
    if runtime is Runtime.ONNXRUNTIME:
        _need("onnxruntime", runtime, hint=_ONNXRUNTIME)
    if not is_exported:
        _need("torch", runtime, hint=_TORCH)
    if runtime is Runtime.COMPILED and setup.device != CUDA and not _has_compiler():
        raise BadInputError(f'latency.runtime = "{runtime}": needs a C++ compiler, none found here', hint=_COMPILER)
    if setup.device == CUDA:
        _check_gpu(runtime)
    _check_cores(setup.num_threads)


def _need(package: str, runtime: Runtime, *, hint: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise BadInputError(f'latency.runtime = "{runtime}": needs {package}, not installed here', hint=hint)


def _has_compiler() -> bool:
    names = (os.environ.get("CXX"), "g++", "clang++", "c++")
    return any(name and shutil.which(name) for name in names)


def _check_gpu(runtime: Runtime) -> None:
    if runtime is Runtime.ONNXRUNTIME:
        raise BadInputError(
            'latency.device = "cuda": onnxruntime is measured on processors alone',
            hint='set latency.runtime to "folded" or "compiled"',
        )
    import torch

    if not torch.cuda.is_available():
        raise BadInputError('latency.device = "cuda": torch finds no GPU here', hint='set latency.device to "cpu"')


def _check_cores(num_threads: int) -> None:
    if num_threads > num_cores():
        raise BadInputError(
            f"latency.num_threads = {num_threads}: must be at most {num_cores()}, the cores of this machine",
            hint="every thread that is measured needs a core of its own",
        )
