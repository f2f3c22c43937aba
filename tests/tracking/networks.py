"""A small network as training leaves it, and a study that has some on its front."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from orchestrator.storage import write_folder
from orchestrator.store.events import Event
from search_spaces.registry import build_model, get_architecture
from tests.tracking.studies import front, study_ended, study_started, whole_trial

TASK = {"in_channels": 1, "num_classes": 10, "image_size": 8}


def trained(folder: Path, *, seed: int = 0) -> torch.nn.Module:
    """Writes a DenseNet of two layers to a model folder."""
    torch.manual_seed(seed)
    architecture = get_architecture(
        "densenet121", in_channels=1, num_classes=10, block_config=(1, 1), growth_rate=4, stem="cifar"
    )
    model = build_model(architecture).eval()

    def write(temporary: Path) -> None:
        save_file(model.state_dict(), temporary / "model.safetensors")
        (temporary / "architecture.json").write_text(json.dumps(architecture.to_dict()))
        (temporary / "dataset.json").write_text("{}")

    write_folder(folder, write)
    return model


def published(*numbers: int) -> list[Event]:
    """A study of three trials, of which these are on the front."""
    started = study_started(params={"task": TASK})
    return [started, *(event for number in range(3) for event in whole_trial(number)), front(*numbers), study_ended()]
