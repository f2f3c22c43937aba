"""Exports a trial of a study."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from orchestrator.errors import BadInputError
from orchestrator.export.card import model_card
from orchestrator.export.network import WEIGHTS_ALONE, ExportedModel, Formats, TrainedNetwork, Verify, export_network
from orchestrator.export.verify import verify_in_fresh_process
from orchestrator.records import StudySnapshot, TrialRecord
from orchestrator.store.paths import TrialPaths
from orchestrator.store.remote_study import fetched
from search_spaces.architecture import Task


def export_trial(
    snapshot: StudySnapshot,
    record: TrialRecord,
    paths: TrialPaths,
    to: Path,
    *,
    formats: Formats = WEIGHTS_ALONE,
    force: bool = False,
    verify: Verify = verify_in_fresh_process,
) -> ExportedModel:
    """Writes the network of a trial to the folder ``to``; on any error nothing is there that wasn't before.

    Where the trial was trained anew on training and validation images, those are the weights.

    Args:
        paths: of the trial, in its study's directory.
        force: replace an earlier export.
        verify: tries the folder before it has its name.

    Raises:
        BadInputError: the trial has no whole model, the target exists or can't be written, or a package is missing.
        ArchfrontError: what was written does not compute what the trained network does.
    """
    name = f"trial {record.number}"
    is_retrained = record.retrained is not None and record.retrained.cause is None
    model_folder = fetched((paths.retrained if is_retrained else paths).model, paths.root.parents[1])
    if not model_folder.is_dir():
        raise BadInputError(f"{name} is {record.state} and has no trained network", hint="export a COMPLETED trial")
    network = TrainedNetwork(
        name=name,
        model_folder=model_folder,
        architecture_id=record.architecture_id,
        num_parameters=record.num_parameters,
        task=Task(**snapshot.frozen["task"]),
        training={**_training(snapshot), "trained_on_validation": is_retrained},
        card=functools.partial(model_card, snapshot, record, folder_name=to.name, is_retrained=is_retrained),
    )
    return export_network(network, to, formats=formats, force=force, verify=verify)


def _training(snapshot: StudySnapshot) -> dict[str, Any]:
    frozen = snapshot.frozen
    return {
        "seed": frozen.get("study", {}).get("seed", 0),
        "data": frozen.get("data", {}),
        "recipe": frozen.get("recipe", {}),
    }
