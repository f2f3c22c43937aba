"""``model.onnx``: the folded network, written by torch's exporter."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import torch
from torch import nn

from orchestrator.errors import BadInputError
from orchestrator.measure.folding import fold_batch_norms

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def check_onnx_is_installed() -> None:
    """Asks for the extra before any work is done.

    Raises:
        BadInputError: one of its packages is missing.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInputError(
            f"--onnx needs {', '.join(missing)}, not installed here", hint='pip install "archfront[onnx]"'
        )


def write_onnx(model: nn.Module, path: Path, *, image_BCHW: torch.Tensor) -> None:
    """Writes the folded network for any batch size.

    Args:
        image_BCHW: what it is traced with; at least two images.
    """
    # The exporter warns about operators that it skips and types that it guesses, none of which a user can act on.
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                fold_batch_norms(model)[0],
                (image_BCHW,),
                dynamo=True,
                verbose=False,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
    finally:
        logging.disable(level)
    assert program is not None
    program.save(path)
