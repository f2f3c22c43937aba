"""A searched network as ``mlflow.pyfunc`` loads it. A copy of this file travels with each logged model.

Beside MLflow it needs torch, numpy and safetensors. The code that builds networks comes with the model, and is used
where archfront is not installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

SOURCES = "search_spaces.zip"
WEIGHTS = "model.safetensors"


class Network:
    """Images in, logits out; images are prepared as ``dataset.json`` beside the weights says."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module.eval()

    def predict(self, image_BCHW: np.ndarray[Any, Any], params: dict[str, Any] | None = None) -> np.ndarray[Any, Any]:
        """Logits, one row for each image."""
        del params  # MLflow's interface has it; this network takes none
        with torch.inference_mode():
            logits_BK = self._module(torch.as_tensor(np.asarray(image_BCHW, dtype=np.float32)))
        array: np.ndarray[Any, Any] = logits_BK.numpy()
        return array


def _load_pyfunc(path: str) -> Network:
    """MLflow calls it with the folder that the model's data are in."""
    folder = Path(path)
    if find_spec("search_spaces") is None:
        sys.path.append(str(folder / SOURCES))
    from search_spaces.registry import build_model, load_architecture

    module = build_model(load_architecture(folder))
    module.load_state_dict(load_file(folder / WEIGHTS))
    return Network(module)
