"""The card says what a reader of the folder must know."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestrator.export.card import model_card
from orchestrator.objectives import NUM_PARAMETERS, Direction, Objective
from orchestrator.records import Cause, Retraining, SeedResult
from tests.export.studies import DATASET, TrainedTrial, trained_trial
from tests.synthetic import scored

FILES = frozenset({"load.py", "model.safetensors"})


@pytest.fixture
def trained(tmp_path: Path) -> TrainedTrial:
    return trained_trial(tmp_path)


def card_of(trained: TrainedTrial, *files: str, is_retrained: bool = False, **fields: object) -> str:
    record = dataclasses.replace(trained.record, **fields)  # type: ignore[arg-type]
    return model_card(
        trained.snapshot, record, DATASET, FILES | set(files), folder_name="best", is_retrained=is_retrained
    )


def test_figures_stand_with_intervals_and_conditions(trained: TrainedTrial) -> None:
    card = card_of(trained)
    assert "| test accuracy | 0.9800 (95 % interval 0.9597 to 0.9902, 360 images) |" in card
    assert (
        "1.25 ms (95 % interval 1.23 to 1.28, 120 repetitions); cpu: simulated, 1 thread, batch 1 of 1 x 8 x 8" in card
    )
    assert "folded, torch 2.11.0 |" in card
    assert f"{trained.record.num_parameters:,}" in card


def test_a_figure_of_onnxruntime_names_its_version_and_no_other(trained: TrainedTrial) -> None:
    latency = trained.record.latency
    assert latency is not None
    conditions = dataclasses.replace(
        latency.conditions, runtime="onnxruntime", torch_version="", onnxruntime_version="1.31.1"
    )
    card = card_of(trained, latency=dataclasses.replace(latency, conditions=conditions))
    assert "float32, onnxruntime 1.31.1 |" in card


def test_what_was_not_measured_is_said(trained: TrainedTrial) -> None:
    card = card_of(trained, latency=None, test_accuracy=None)
    assert "| latency | 1.3 ms, predicted |" in card
    assert "| test accuracy | not scored |" in card


def test_only_what_is_there_is_said_to_load(trained: TrainedTrial) -> None:
    assert "from load import" in card_of(trained)
    assert "`model.onnx` is the same network" not in card_of(trained)
    card = card_of(trained, "model.onnx", "model.pt2")
    assert "`model.onnx` is the same network" in card
    assert "torch reads that file with pickle" in card


def test_the_card_says_data_seed_recipe_and_how_to_load(trained: TrainedTrial) -> None:
    card = card_of(trained)
    for text in ("| name | digits |", "| seed of the study | 7 |", "| epochs | 12 |", 'load_model("best")', "Licence"):
        assert text in card


def test_further_seeds_stand_with_the_interval_of_their_mean(trained: TrainedTrial) -> None:
    seeds = (
        SeedResult(seed=1, accuracy=0.97, loss=0.1, test_accuracy=0.95),
        SeedResult(seed=2, accuracy=0.98, loss=0.1, test_accuracy=0.97),
        SeedResult(seed=3, cause=Cause.DIVERGED),
    )
    card = card_of(trained, seeds=seeds)
    assert "| validation accuracy, mean over 2 further seeds | 0.9750 (95 % interval 0.9115 to 1.0000) |" in card
    assert "| test accuracy, mean over 2 further seeds | 0.9600 |" in card
    assert "| further seeds that failed | 3 (diverged) |" in card


def test_weights_that_were_trained_on_validation_images_are_named_so(trained: TrainedTrial) -> None:
    retrained = Retraining(test_score=scored(0.99)["test_score"])
    card = card_of(trained, retrained=retrained, is_retrained=True)
    assert "trained anew on the training and the validation images together" in card
    assert "| test accuracy, trained on validation images as well | 0.9900 (95 % interval" in card
    assert "trained anew" not in card_of(trained)


def test_an_objective_beside_the_usual_ones_has_a_row(trained: TrainedTrial) -> None:
    goal = Objective(name="file_bytes", direction=Direction.MINIMIZE)
    same = Objective(name=NUM_PARAMETERS, direction=Direction.MINIMIZE)
    snapshot = dataclasses.replace(trained.snapshot, objectives=(*trained.snapshot.objectives, goal, same))
    record = dataclasses.replace(trained.record, file_bytes=123_456)  # type: ignore[call-arg]
    card = model_card(snapshot, record, DATASET, FILES, folder_name="best")
    assert card.count("| file_bytes |") == 1
    assert "| num_parameters |" not in card
