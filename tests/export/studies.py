"""A trained trial as training leaves it, and the study that it belongs to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from orchestrator.objectives import ACCURACY, Direction, Objective
from orchestrator.records import Latency, LatencyConditions, StudySnapshot, TrialRecord, TrialState
from orchestrator.storage import write_folder
from search_spaces.architecture import Architecture
from search_spaces.registry import build_model, get_architecture

ARCHITECTURES = {
    "densenet": get_architecture(
        "densenet121", block_config=[2, 2], growth_rate=8, stem="cifar", in_channels=1, num_classes=10
    ),
    "resnet": get_architecture("resnet18", depths=[1, 1], widths=[8, 16], stem="cifar", in_channels=1, num_classes=10),
    "mobilenet": get_architecture(
        "mobilenet_v2", depths=[1, 1], widths=[8, 16], strides=[1, 2], in_channels=1, num_classes=10
    ),
}
LATENCY = Latency(
    median_ms=1.25,
    low_ms=1.23,
    high_ms=1.28,
    num_repetitions=120,
    is_contended=False,
    conditions=LatencyConditions(
        device="cpu: simulated",
        num_threads=1,
        batch_size=1,
        input_shape=(1, 8, 8),
        dtype="float32",
        runtime="folded",
        torch_version="2.11.0",
    ),
)
FROZEN: dict[str, Any] = {
    "study": {"seed": 7},
    "task": {"in_channels": 1, "num_classes": 10, "image_size": 8},
    "data": {"name": "digits", "validation_share": 0.2, "test_share": 0.2},
    "recipe": {"epochs": 12, "optimizer": "sgd"},
}
DATASET = {"mean": [0.3], "std": [0.4], "class_names": [str(digit) for digit in range(10)], "num_test": 360}


@dataclass(frozen=True, kw_only=True)
class TrainedTrial:
    snapshot: StudySnapshot
    record: TrialRecord
    model_folder: Path
    model: nn.Module


def trained_trial(
    folder: Path,
    architecture: Architecture = ARCHITECTURES["densenet"],
    *,
    weights: nn.Module | None = None,
    seed: int = 0,
) -> TrainedTrial:
    torch.manual_seed(seed)
    model = build_model(architecture)
    model(torch.randn(8, 1, 8, 8))  # batch norms with statistics of their own
    if weights is not None:
        model.load_state_dict(weights.state_dict())
    write_folder(folder / "model", lambda temporary: _write(temporary, architecture, model))
    record = TrialRecord(
        number=3,
        state=TrialState.COMPLETED,
        family=architecture.family,
        architecture=architecture.to_dict(),
        architecture_id=architecture.architecture_id,
        num_parameters=architecture.num_parameters,
        macs=architecture.macs(8),
        predicted_latency_ms=1.3,
        accuracy=0.985,
        test_accuracy=0.98,
        latency=LATENCY,
    )
    return TrainedTrial(snapshot=_snapshot(record), record=record, model_folder=folder / "model", model=model.eval())


def _write(folder: Path, architecture: Architecture, model: nn.Module) -> None:
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "architecture.json").write_text(json.dumps(architecture.to_dict()))
    (folder / "dataset.json").write_text(json.dumps(DATASET))


def _snapshot(record: TrialRecord) -> StudySnapshot:
    return StudySnapshot(
        name="digits",
        study_id="digits-0000",
        objectives=(Objective(name=ACCURACY, direction=Direction.MAXIMIZE),),
        constraints=(),
        frozen=FROZEN,
        records=(record,),
        num_refused={},
        created_at="2025-01-01T00:00:00Z",
        wall_time_s=60.0,
        provenance={"torch": "2.11.0"},
    )
