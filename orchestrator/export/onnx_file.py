"""``model.onnx``: written by torch's exporter, and held against the network by onnxruntime."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import torch
from torch import nn

from orchestrator.errors import ArchfrontError, BadInputError

ONNX_FILE = "model.onnx"

TOLERANCE = 1e-4
"""Largest difference of a logit between onnxruntime and torch; both round in another order."""

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


def write_onnx(model: nn.Module, path: Path, *, image_BCHW: torch.Tensor) -> float:
    """Writes the network for any batch size, and gives the largest difference that onnxruntime shows.

    Args:
        image_BCHW: what both are tried on; at least two images.

    Raises:
        ArchfrontError: the difference is above ``TOLERANCE``.
    """
    _export(model, path, image_BCHW)
    with torch.inference_mode():
        expected_BK = model(image_BCHW)
    difference = float((_run(path, image_BCHW) - expected_BK).abs().max())
    # NaN compares false with everything, so the comparison that must hold is the one that is asked.
    if not difference <= TOLERANCE:
        raise ArchfrontError(f"{path.name}: onnxruntime's logits differ by {difference:.2g}, more than {TOLERANCE:g}")
    return difference


def _export(model: nn.Module, path: Path, image_BCHW: torch.Tensor) -> None:
    # The exporter warns about operators that it skips and types that it guesses, none of which a user can act on.
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
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


def _run(path: Path, image_BCHW: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # One image, then the rest: the batch size must be free.
    parts = (image_BCHW[:1], image_BCHW[1:])
    return torch.cat([torch.from_numpy(session.run(None, {"image": part.numpy()})[0]) for part in parts])
