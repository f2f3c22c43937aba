"""The trained network of a trial as files: its architecture and its averaged weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from orchestrator.data.dataset import Dataset
from orchestrator.errors import StorageError
from orchestrator.storage import broken_files, write_folder
from orchestrator.training.tensor_file import num_bytes, save_tensors
from search_spaces.architecture import Architecture
from search_spaces.registry import ARCHITECTURE_FILE, build_model, load_architecture

WEIGHTS_FILE = "model.safetensors"
DATASET_FILE = "dataset.json"


def write_model(folder: Path, architecture: Architecture, model: nn.Module, dataset: Dataset) -> None:
    """Writes the folder in one step, with what an image must go through before this network reads it.

    Raises:
        StorageError: no room, or the folder can't be written.
    """
    # safetensors refuses tensors that are views of one vector.
    state = model.state_dict()
    weights = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}

    def write(temporary: Path) -> None:
        save_tensors(weights, temporary / WEIGHTS_FILE)
        for name, content in ((ARCHITECTURE_FILE, architecture.to_dict()), (DATASET_FILE, dataset.description())):
            (temporary / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    write_folder(folder, write, num_bytes=num_bytes(weights))


def read_model(folder: Path) -> nn.Module:
    """The network that ``write_model`` wrote, on the CPU, in evaluation mode.

    Raises:
        StorageError: a file is absent or was changed.
    """
    if broken := broken_files(folder):
        raise StorageError(f"{folder / broken[0]} is not what training wrote", hint="train the trial again")
    model = build_model(load_architecture(folder))
    model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return model.eval()
