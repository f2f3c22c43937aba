"""Networks that onnxruntime runs, written by torch or exported before; nothing here needs torch for the latter."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.config.runtimes import Runtime
from orchestrator.errors import BadInputError
from orchestrator.measure.conditions import Setup
from orchestrator.measure.protocol import Run

ONNX_FILE = "model.onnx"

_SEED = 0
# As much arithmetic as a convolution of 32 to 32 channels on 16 x 16 pixels, written as a product of matrices.
_REFERENCE_SHAPES = ((32, 288), (288, 256))
_REFERENCE_LAYERS = 6


def onnx_runs(networks: Sequence[Mapping[str, Any] | Path], setup: Setup) -> tuple[list[Run], Run]:
    """The networks as calls, in the order given, and the reference: the same whether torch is there or not.

    Args:
        networks: architectures, or paths of ONNX files.

    Raises:
        BadInputError: an ONNX file can't be read, or takes other images than the setup's.
    """
    return [_run(network, setup) for network in networks], _reference()


def _run(network: Mapping[str, Any] | Path, setup: Setup) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup.num_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    source = str(network) if isinstance(network, Path) else _exported(network, setup)
    image_BCHW = np.random.default_rng(_SEED).random(setup.batch_shape, dtype=np.float32)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        inputs = {session.get_inputs()[0].name: image_BCHW}
        session.run(None, inputs)
    except Exception as error:  # onnxruntime's own errors have no base below Exception
        if isinstance(network, Path):
            raise BadInputError(f"{network}: onnxruntime can't run it on {setup.batch_shape}: {error}") from error
        raise
    return lambda: session.run(None, inputs)


def _exported(fields: Mapping[str, Any], setup: Setup) -> bytes:
    """A fresh network of this architecture as ONNX, for this batch alone.

    torch's older exporter: 0.6 s a network where the newer one takes 2.5 s and more, for the same kernels after
    onnxruntime's own optimisation (measured), and it needs no package beside torch.
    """
    import torch

    from orchestrator.measure.torch_networks import build

    torch.manual_seed(_SEED)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # it warns that it is the older one
        file = Path(folder) / ONNX_FILE
        torch.onnx.export(build(fields, Runtime.ONNXRUNTIME), (torch.rand(setup.batch_shape),), file, dynamo=False)
        return file.read_bytes()


def _reference() -> Run:
    rng = np.random.default_rng(_SEED)
    weights, image = (rng.random(shape, dtype=np.float32) for shape in _REFERENCE_SHAPES)

    def run() -> None:
        for _ in range(_REFERENCE_LAYERS):
            np.maximum(weights @ image, 0.0)

    return run
