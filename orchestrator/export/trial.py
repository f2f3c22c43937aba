"""Exports a trial of a study."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from orchestrator.errors import BadInputError
from orchestrator.export.card import model_card
from orchestrator.export.network import ExportedModel, TrainedNetwork, export_network
from orchestrator.records import StudySnapshot, TrialRecord
from search_spaces.architecture import Task


def export_trial(
    snapshot: StudySnapshot,
    record: TrialRecord,
    model_folder: Path,
    to: Path,
    *,
    onnx: bool = False,
    force: bool = False,
) -> ExportedModel:
    """Writes the network of a trial to the folder ``to``; on any error nothing is there that wasn't before.

    Args:
        model_folder: where training left the averaged weights.
        onnx: write ``model.onnx`` too.
        force: replace an earlier export.

    Raises:
        BadInputError: the trial has no whole model, the target exists or can't be written, or a package is missing.
        ArchfrontError: what was written does not compute what the trained network does.
    """
    name = f"trial {record.number}"
    if not model_folder.is_dir():
        raise BadInputError(f"{name} is {record.state} and has no trained network", hint="export a COMPLETED trial")
    network = TrainedNetwork(
        name=name,
        model_folder=model_folder,
        architecture_id=record.architecture_id,
        num_parameters=record.num_parameters,
        task=Task(**snapshot.frozen["task"]),
        training=_training(snapshot),
        card=functools.partial(model_card, snapshot, record, folder_name=to.name, has_onnx=onnx),
    )
    return export_network(network, to, onnx=onnx, force=force)


def _training(snapshot: StudySnapshot) -> dict[str, Any]:
    frozen = snapshot.frozen
    return {
        "seed": frozen.get("study", {}).get("seed", 0),
        "data": frozen.get("data", {}),
        "recipe": frozen.get("recipe", {}),
    }
